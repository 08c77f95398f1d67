"""Where a record lies: one file at the end and parts beside it until then, or a folder of parts."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

SUFFIX = ".parquet"


@dataclass(frozen=True)
class Place:
    """The files of a record.

    Attributes
    ----------
    path : Path
        The record: a file, if its name ends in ".parquet", else a folder of parts.
    """

    path: Path

    @classmethod
    def of(cls, path: str | PathLike[str]) -> Place:
        """Return the place of a record by its path, whatever folder the process stands in later."""
        return cls(Path(path).absolute())

    @property
    def is_file(self) -> bool:
        """Whether it becomes one file."""
        return self.path.suffix == SUFFIX

    @property
    def folder(self) -> Path:
        """Folder of the parts."""
        return self.path.with_name(f"{self.path.name}.parts") if self.is_file else self.path

    @property
    def pair_folder(self) -> Path:
        """Folder of the parts' interactions; readers of a folder pass over what begins with _."""
        return self.folder / "_interactions"

    @property
    def pair_file(self) -> Path:
        """File of the interactions, if the record is a file."""
        return self.path.with_name(f"{self.path.stem}.interactions{SUFFIX}")

    @property
    def report(self) -> Path:
        """File of the report of the last run."""
        if self.is_file:
            return self.path.with_name(f"{self.path.stem}.run.json")
        return self.folder / "_run.json"

    def weights(self) -> list[Path]:
        """Return the files of weights that there are, those of earlier runs first."""
        return self._there(self.path, self.folder)

    def interactions(self) -> list[Path]:
        """Return the files of interactions that there are."""
        return self._there(self.pair_file, self.pair_folder)

    def pairs_of(self, weights: Path) -> Path:
        """Return the file of the interactions of the songs in a file of weights, if there are."""
        return self.pair_file if weights == self.path else self.pair_folder / weights.name

    def _there(self, file: Path, folder: Path) -> list[Path]:
        whole = [file] if self.is_file and file.is_file() else []
        return whole + sorted(folder.glob(f"part-*{SUFFIX}"))
