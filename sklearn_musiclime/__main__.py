"""``python -m sklearn_musiclime``."""

import sys

from sklearn_musiclime.cli import main

sys.exit(main())
