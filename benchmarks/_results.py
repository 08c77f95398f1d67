"""Printing a benchmark's table and writing its figures beside it."""

import json
import platform
from pathlib import Path

import numpy as np
import pandas as pd

import sklearn_musiclime

FOLDER = Path(__file__).parent / "results"


def write_results(name, rows, **settings):
    """Print rows as a table and write them, with how they came about, to ``results/NAME.json``."""
    frame = pd.DataFrame(rows)
    print(frame.to_string(index=False, float_format=lambda value: f"{value:.3g}"))
    FOLDER.mkdir(exist_ok=True)
    document = {
        "rows": frame.to_dict("records"),
        "settings": settings,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "sklearn_musiclime": sklearn_musiclime.__version__,
        },
    }
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    print(f"Wrote {path}")
