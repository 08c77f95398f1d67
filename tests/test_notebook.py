"""Explanations in a notebook that runs: pictures are in it."""

import base64

import pytest

CELLS = (
    """
import numpy as np
from sklearn_musiclime import MusicLimeExplainer, UniformSegmenter
X = np.empty((1, 2), dtype=object)
X[0] = [np.sin(np.arange(8000.0)).astype("float32"), "all you\\nneed is love"]
explainer = MusicLimeExplainer(
    lambda songs: [0.5 * ("love" in words) + np.std(y) for y, words in songs],
    separator=None, segmenter=UniformSegmenter(2), sampling_rate=8000,
)
explanation = explainer.fit(X).explain(X)[0]
""",
    "explanation.plot()",
    "explanation",
    "explanation.show(height=321)",
)


@pytest.fixture(scope="module")
def outputs():
    """What the cells of a notebook show, as data by their types."""
    nbclient = pytest.importorskip("nbclient", reason="needs nbclient")
    nbformat = pytest.importorskip("nbformat", reason="needs nbformat")
    pytest.importorskip("ipykernel", reason="needs ipykernel")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return [
        [output.get("data", output) for output in cell["outputs"]] for cell in notebook["cells"]
    ]


@pytest.mark.slow
def test_plots_are_pictures(outputs):
    assert outputs[0] == []  # no warning
    (plot,) = outputs[1]
    assert base64.b64decode(plot["image/png"]).startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_summary_keeps_verses(outputs):
    (summary,) = outputs[2]
    assert "<svg" in summary["text/html"]
    assert summary["text/html"].count('dir="auto" style="white-space: pre-wrap') == 2


@pytest.mark.slow
def test_the_page_is_in_a_frame_of_its_own(outputs):
    (page,) = outputs[3]
    frame = page["text/html"]
    assert frame.startswith('<iframe sandbox="allow-scripts allow-downloads"')
    assert "height: 321px" in frame
    assert "<script" not in frame.partition("srcdoc=")[0]
    assert "&lt;script&gt;" in frame


def test_outside_of_a_notebook_a_browser_opens_it(monkeypatch):
    from sklearn_musiclime.report import notebook

    opened = []
    monkeypatch.setattr(notebook.webbrowser, "open", opened.append)
    notebook.show_page("<p>loud</p>", 100)
    (address,) = opened
    assert address.startswith("file:///")
    assert address.endswith("explanation.html")
