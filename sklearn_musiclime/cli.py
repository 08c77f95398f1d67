"""The command line: ``sklearn-musiclime demo``, ``explain``, ``global`` and ``compare``.

This module parses the arguments and imports only what is needed for that, so that ``--help`` is
quick; the commands themselves are in :mod:`~sklearn_musiclime.commands`.
"""

from __future__ import annotations

import argparse
import difflib
import io
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NoReturn, TextIO

from sklearn_musiclime._version import __version__

MODEL = "classifier or regressor saved with skops, or folder of a saved transformer"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str or None, default=None
        The arguments. None: those of the process.

    Returns
    -------
    int
        Exit status: 0 after success, 1 after an error, which is printed, or 130 after Ctrl-C.

    Raises
    ------
    SystemExit
        The arguments are wrong (status 2), or the process got SIGTERM (status 143).
    """
    with redirect_stdout(_Lasting(sys.stdout)), redirect_stderr(_Lasting(sys.stderr)):
        arguments = _parser().parse_args(argv)
        try:
            with _orderly_termination():
                # Imported only once the arguments are known to be right: this takes seconds.
                from sklearn_musiclime.commands import COMMANDS

                COMMANDS[arguments.command](arguments)
            sys.stdout.flush()
        except KeyboardInterrupt:
            print("sklearn-musiclime: interrupted", file=sys.stderr)
            return 128 + signal.SIGINT
        except (ImportError, OSError, ValueError) as error:
            print(f"sklearn-musiclime: error: {error}", file=sys.stderr)
            return 1
    return 0


class _Lasting:
    """An output stream whose errors do not end a command.

    Characters that its encoding lacks are written as escapes. Output to a closed pipe, as after
    ``| head -1``, is dropped.
    """

    def __init__(self, stream: TextIO | None):
        self._stream = stream or io.StringIO()  # None: closed before Python began

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        encoding = self._stream.encoding or "utf-8"
        known = text.encode(encoding, "backslashreplace").decode(encoding)
        with self._whoever_reads():
            self._stream.write(known)
        return len(text)

    def flush(self) -> None:
        with self._whoever_reads():
            self._stream.flush()

    @contextmanager
    def _whoever_reads(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # Redirects the file descriptor, since Python flushes the stream once more at its end.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            if not isinstance(error, BrokenPipeError):
                raise


@contextmanager
def _orderly_termination() -> Iterator[None]:
    """Turn SIGTERM into a SystemExit, so that the workers of the process end too."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signal handlers can be set in the main thread only
        return

    def terminate(signum: int, frame: Any) -> None:
        sys.exit(128 + signum)

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="sklearn-musiclime",
        description="Explain multimodal music models by sources, segments and words.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    command = _command(
        commands, "demo", "train a model on made or real songs and explain what it says of one",
        "demo --out demo", "demo --songs jamendolyrics --open",
    )  # fmt: skip
    command.add_argument(
        "--songs", type=Path, metavar="DIR", help="a JamendoLyrics folder (default: made songs)"
    )
    _explaining(command, out="demo")
    _opening(command)

    command = _command(
        commands, "explain", "explain one song with a model that was saved",
        "explain --model model.skops --audio song.mp3 --lyrics song.txt --open",
        "explain --model genres --separator demucs --audio song.mp3 --lyrics song.lrc "
        "--label Pop --rather-than Hip-Hop",
    )  # fmt: skip
    _with_model(command)
    command.add_argument("--audio", type=Path, required=True, help="the song's audio file")
    command.add_argument(
        "--lyrics",
        type=Path,
        required=True,
        help="a file of its lyrics, plain (.txt) or timed (.lrc, .srt, .vtt, .ttml, .json)",
    )
    _encoding(command)
    command.add_argument("--label", help="the class to explain (default: the one predicted)")
    command.add_argument(
        "--rather-than", metavar="LABEL", help="explain why the class of --label and not this one"
    )
    _explaining(command, out="why")
    _opening(command)

    command = _command(
        commands, "global", "explain a table of songs with a saved model, class by class",
        "global --model model.skops --songs songs.csv --n-jobs 4",
        "global --model model.skops --songs songs.csv --group-column artist --record",
        "global --model model.skops --songs songs.csv --backend dask "
        "--scheduler tcp://192.0.2.1:8786",
    )  # fmt: skip
    _with_model(command)
    command.add_argument(
        "--songs", type=Path, required=True, metavar="TABLE", help="a CSV with a row a song"
    )
    _table(command)
    command.add_argument(
        "--min-count", type=int, default=2, help="songs of a class that must have a component"
    )
    _pages(command)
    _cluster(command)
    _explaining(command, out="overall")
    _opening(command)

    command = _command(
        commands, "compare",
        "explain what differs between two versions of a saved model, class by class",
        "compare old.skops new.skops songs.csv --link logit",
    )  # fmt: skip
    for version in ("old", "new"):
        command.add_argument(version, type=Path, metavar=version.upper(), help=MODEL)
    command.add_argument("songs", type=Path, metavar="SONGS", help="a CSV with a row a song")
    _loading(command)
    _table(command)
    command.add_argument(
        "--label", help="the class to compare (default: those that either version predicts)"
    )
    command.add_argument(
        "--min-groups", type=int, default=2, help="songs, or groups, that must have a component"
    )
    _pages(command)
    command.add_argument(
        "--link", choices=("identity", "logit"), default="identity",
        help="compare scores, or log-odds of probabilities",
    )  # fmt: skip
    _cluster(command)
    _explaining(command, out="versions")
    _opening(command)
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser whose errors suggest what was meant."""

    def error(self, message: str) -> NoReturn:
        wrong = re.search(r"(?:invalid choice: '|unrecognized arguments: )([^\s']+)", message)
        near = difflib.get_close_matches(wrong.group(1), self._known(), n=1) if wrong else []
        super().error(f"{message}; did you mean {near[0]}?" if near else message)

    def _known(self) -> list[str]:
        """Options and choices, those of the commands too."""
        known = []
        for action in self._actions:
            known += [*action.option_strings, *map(str, action.choices or ())]
            if isinstance(action, argparse._SubParsersAction):
                known += [name for sub in action.choices.values() for name in sub._known()]
        return known


class _Formatter(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """Help with defaults, but for those that a help tells in words, and with examples as typed."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False) or "(default" in (action.help or ""):
            return action.help
        return super()._get_help_string(action)


def _command(commands: Any, name: str, about: str, *examples: str) -> argparse.ArgumentParser:
    """Add a command with examples of its use."""
    typed = "\n".join(f"  sklearn-musiclime {example}" for example in examples)
    return commands.add_parser(
        name, help=about, description=f"{about[0].upper()}{about[1:]}.",
        epilog=f"examples:\n{typed}", formatter_class=_Formatter,
    )  # fmt: skip


def _table(command: argparse.ArgumentParser) -> None:
    for name, default, what in (
        ("audio", "audio", "the audio files"),
        ("lyrics", "lyrics", "the lyrics: text, or files of it (.txt, .lrc, .srt, ...)"),
        ("start", None, "where a song begins in its file, in seconds"),
        ("end", None, "where it ends"),
        ("group", None, "what songs belong together, for intervals and tests"),
    ):
        command.add_argument(
            f"--{name}-column", default=default, metavar="NAME",
            help=f"column with {what} (default: {default or 'none'})",
        )  # fmt: skip
    _encoding(command)


def _cluster(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--record", action="store_true",
        help="write explanations.parquet: a row a song, class and component, as songs finish",
    )  # fmt: skip
    command.add_argument(
        "--backend", choices=("loky", "threading", "dask", "ray"), help="joblib backend"
    )
    command.add_argument("--scheduler", metavar="ADDRESS", help="of the Dask or Ray cluster")


def _with_model(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", type=Path, required=True, help=MODEL)
    _loading(command)


def _loading(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--trust",
        action="store_true",
        help="load joblib files and unknown types, which can run any code",
    )
    command.add_argument(
        "--separator",
        choices=("hpss", "demucs", "open-unmix", "none"),
        default="hpss",
        help="what makes the sources (default: %(default)s)",
    )


def _encoding(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--encoding", default="utf-8", help="of lyrics files (default: %(default)s)"
    )


def _opening(command: argparse.ArgumentParser) -> None:
    command.add_argument("--open", action="store_true", help="open the page in a browser")


def _pages(command: argparse.ArgumentParser) -> None:
    command.add_argument("--pages", type=int, default=5, help="songs with a page of their own")


def _explaining(command: argparse.ArgumentParser, *, out: str) -> None:
    command.add_argument(
        "--out", type=Path, default=Path(out), metavar="DIR", help="folder of the results"
    )
    command.add_argument(
        "--overwrite", action="store_true", help="replace results that are there already"
    )
    command.add_argument(
        "--n-samples", type=_n_samples, default="auto", metavar="N",
        help="perturbed songs (default: many where they are cheap, few where they are dear)",
    )  # fmt: skip
    command.add_argument("--n-jobs", type=int, default=None, help="workers (default: 1)")
    command.add_argument("--random-state", type=int, default=0, help="seed")


def _n_samples(text: str) -> int | str:
    if text == "auto":
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number or auto, got {text!r}") from None
