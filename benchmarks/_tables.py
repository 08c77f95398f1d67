"""The tables of ``benchmarks/README.md``, from the figures that benchmarks wrote."""

import json
import re
from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parent / "results"
README = Path(__file__).parent / "README.md"


def measured(name, columns):
    """Read columns of a benchmark's figures: a list of cells, as text, for each row."""
    frame = pd.DataFrame(json.loads((FOLDER / f"{name}.json").read_text())["rows"])
    return [
        [f"{value:.3g}" if isinstance(value, float) else str(value) for value in row]
        for row in frame[columns].values.tolist()
    ]


def filled(text):
    """Fill the tables of a text that stand behind ``<!-- NAME-table -->``, by their heads."""

    def table(found):
        mark, name, head, rule = found.groups()
        columns = [cell.strip() for cell in head.strip().strip("|").split("|")]
        rows = "".join(f"| {' | '.join(row)} |\n" for row in measured(name, columns))
        return mark + head + rule + rows

    pattern = r"(<!-- (\w+)-table -->\n\n)(\|.*\n)(\|[-:| ]+\n)(?:\|.*\n)*"
    return re.sub(pattern, table, text)


def write_tables():
    """Write the tables of ``benchmarks/README.md`` anew."""
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
