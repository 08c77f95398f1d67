"""Printing a benchmark's table and writing its figures, to a file and to the README beside it."""

import json
import platform

import numpy as np
import pandas as pd
from _tables import FOLDER, write_tables

import sklearn_musiclime


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
    write_tables()
    print(f"Wrote {path}")
