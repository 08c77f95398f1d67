"""Write the tables of ``benchmarks/README.md`` anew, from ``benchmarks/results``.

Benchmarks do this themselves when they have written their figures.

    python benchmarks/tables.py
"""

from _tables import write_tables

if __name__ == "__main__":
    write_tables()
