"""Coverage-guided fuzzing of what reads files: ``python tests/fuzz.py lrc --runs 200000``.

Needs atheris (``pip install atheris``), which is no dependency of anything here. Bytes go to the
same checks as those of ``hostile_*.py``: whatever is no documented error ends the run, and
libFuzzer writes the bytes that did it to a file.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

MAX_BYTES = 20_000


def lrc(content: bytes) -> None:
    hostile_words.check_lrc(content.decode("utf-8", "surrogateescape"))


def subtitles(content: bytes) -> None:
    hostile_words.check_timed_file("vtt", content)


def timed_xml(content: bytes) -> None:
    hostile_words.check_timed_file("ttml", content)


def transcript(content: bytes) -> None:
    hostile_words.check_timed_file("json", content)


def table(content: bytes) -> None:
    hostile_folders.check_table(content)


def local_document(content: bytes) -> None:
    path = odd.folder() / "local.json"
    path.with_suffix(".npz").write_bytes(hostile_saved.saved_local()[1])
    path.write_bytes(content)
    hostile_saved.check_local(path)


def local_arrays(content: bytes) -> None:
    path = odd.folder() / "local.json"
    path.write_text(hostile_saved.saved_local()[0])
    path.with_suffix(".npz").write_bytes(content)
    hostile_saved.check_local(path)


def global_document(content: bytes) -> None:
    path = odd.folder() / "global.json"
    path.with_suffix(".npz").write_bytes(hostile_saved.saved_global()[1])
    path.write_bytes(content)
    hostile_saved.check_global(path)


def global_arrays(content: bytes) -> None:
    path = odd.folder() / "global.json"
    path.write_text(hostile_saved.saved_global()[0])
    path.with_suffix(".npz").write_bytes(content)
    hostile_saved.check_global(path)


PARSERS: dict[str, Callable[[bytes], None]] = {
    "lrc": lrc,
    "subtitles": subtitles,
    "ttml": timed_xml,
    "transcript": transcript,
    "table": table,
    "local-document": local_document,
    "local-arrays": local_arrays,
    "global-document": global_document,
    "global-arrays": global_arrays,
}


def seeds(parser: str) -> bytes:
    """What mutations of a parser's input begin with."""
    return {
        "lrc": "[offset:-5]\n[00:01.50][00:10]<00:02>la <00:03>love\n[ti:x]\n[00:04]愛".encode(),
        "subtitles": hostile_words.TIMED_FILES["vtt"].encode(),
        "ttml": hostile_words.TIMED_FILES["ttml"].encode(),
        "transcript": hostile_words.TIMED_FILES["json"].encode(),
        "table": b'audio,lyrics,year\na.wav,"la ""la""\nlo",1\nb.wav,NA,\n',
        "local-document": hostile_saved.saved_local()[0].encode(),
        "local-arrays": hostile_saved.saved_local()[1],
        "global-document": hostile_saved.saved_global()[0].encode(),
        "global-arrays": hostile_saved.saved_global()[1],
    }[parser]


def main() -> None:
    """Fuzz one parser, a bounded number of times."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("parser", choices=PARSERS)
    arguments.add_argument("--runs", type=int, default=100_000)
    arguments.add_argument("--seconds", type=int, default=600, help="at most")
    options = arguments.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as corpus:
        Path(corpus, "seed").write_bytes(seeds(options.parser))
        atheris.Setup(
            [
                sys.argv[0],
                f"-runs={options.runs}",
                f"-max_total_time={options.seconds}",
                f"-max_len={MAX_BYTES}",
                "-rss_limit_mb=4096",
                "-timeout=60",
                f"-artifact_prefix={tempfile.gettempdir()}/",
                corpus,
            ],
            PARSERS[options.parser],
        )
        atheris.Fuzz()


if __name__ == "__main__":
    try:
        import atheris
    except ImportError:
        sys.exit("fuzz.py needs atheris (pip install atheris); hostile.py does without")
    with atheris.instrument_imports(include=["sklearn_musiclime"]):
        import hostile_folders
        import hostile_saved
        import hostile_words
        import odd

        main()
