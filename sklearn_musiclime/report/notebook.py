"""Pages in notebooks."""

from __future__ import annotations

import html
import sys
import tempfile
import webbrowser
from pathlib import Path


def framed(page: str, height: int) -> str:
    """Return a page as a frame of another.

    Parameters
    ----------
    page : str
        An HTML document.
    height : int
        Height of the frame, in pixels.

    Returns
    -------
    str
        An HTML fragment. The page may run its own scripts, and reaches nothing outside the frame.

    Examples
    --------
    >>> from sklearn_musiclime.report.notebook import framed
    >>> framed("<p>loud & clear</p>", 100).partition(" srcdoc=")[2]
    '"&lt;p&gt;loud &amp; clear&lt;/p&gt;"></iframe>'
    """
    return (
        '<iframe sandbox="allow-scripts allow-downloads" title="Explanation" '
        f'style="width: 100%; height: {height}px; border: 1px solid #999999" '
        f'srcdoc="{html.escape(page)}"></iframe>'
    )


def show_page(page: str, height: int) -> None:
    """Show a page in the notebook that runs, or else in a browser.

    Parameters
    ----------
    page : str
        An HTML document.
    height : int
        Height of the frame in a notebook, in pixels.
    """
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is not None and hasattr(shell, "kernel"):
        from IPython.display import display

        display({"text/html": framed(page, height), "text/plain": "the page"}, raw=True)
        return
    folder = Path(tempfile.mkdtemp(prefix="sklearn_musiclime-"))
    path = folder / "explanation.html"
    path.write_text(page, encoding="utf-8", errors="backslashreplace")
    webbrowser.open(path.as_uri())
