"""The site is built without a warning, its links lead somewhere, and its code runs."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

import sklearn_musiclime
from sklearn_musiclime.datasets import make_songs

ROOT = Path(__file__).parents[1]
DOCS = ROOT / ".ci" / "docs"


def blocks(path, marker):
    """The code blocks of a text that stand behind a marker."""
    found = re.findall(
        rf"<!-- {marker} -->\n```\w*\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    assert found, f"{path.name} has no code behind {marker}"
    return found


class Page(HTMLParser):
    """The links of a page, and what links can lead to."""

    def __init__(self, path):
        super().__init__()
        self.links, self.targets = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.targets.add(attributes.get("id"))
        link = attributes.get({"a": "href", "iframe": "src", "img": "src"}.get(tag))
        self.links += [link] if link else []


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site; its examples, which other tests run, are shown only."""
    pytest.importorskip("pydata_sphinx_theme", reason="needs the extra site")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, DOCS / "build", folder, "--no-examples"]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr[-4000:]
    return folder


@pytest.mark.long
def test_links_lead_somewhere(site):
    pages = {path: Page(path) for path in site.rglob("*.html") if "_static" not in path.parts}
    dead = set()
    for path, page in pages.items():
        for link in page.links:
            if urlsplit(link).scheme or (link.startswith("#") and path.name == "why.html"):
                continue
            address, anchor = urldefrag(link)
            to = (path.parent / unquote(address)).resolve() if address else path
            if not to.exists() or (anchor and to in pages and anchor not in pages[to].targets):
                dead.add(f"{path.relative_to(site)}: {link}")
    assert len(pages) > 100
    assert not dead


@pytest.mark.long
def test_public_names_have_their_pages(site):
    for name in sklearn_musiclime.__all__:
        if not name.startswith("_"):
            page = (site / "api" / f"{name}.html").read_text(encoding="utf-8")
            assert f'id="sklearn_musiclime.{name}"' in page, name


@pytest.mark.long
def test_it_shows_an_explanation_to_be_played(site):
    for path in (site / "index.html", site / "tutorial.html", site / "guides" / "reading.html"):
        text = path.read_text(encoding="utf-8")
        (source,) = re.findall(r'<iframe[^>]*src="([^"]+)"', text)
        assert (path.parent / source).stat().st_size > 10_000


@pytest.mark.slow
def test_the_tutorial_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec("".join(blocks(DOCS / "tutorial.md", "tutorial")), names)
    assert names["accuracy"] > 0.8
    top = names["top"].set_index("component")
    assert top["high"]["storm"] < 0
    assert names["rule"].main["storm"] == -1.0
    assert {"why.html", "why.png", "overall.html"} <= {path.name for path in tmp_path.iterdir()}
    assert len(names["words"]) == 5


def test_guides_are_in_the_table_of_contents():
    listed = (DOCS / "guides" / "index.md").read_text(encoding="utf-8")
    for path in (DOCS / "guides").glob("*.md"):
        assert path.stem == "index" or f"\n{path.stem}\n" in listed, path.name


def test_the_example_with_columns_runs():
    songs, y, _, _ = make_songs(12, duration=0.5, random_state=0)
    songs = songs.assign(genre=y, artist=["Ann", "Bob", "Cy"] * 4, year=range(1990, 2002))
    (quickstart,) = blocks(ROOT / "README.md", "quickstart")
    imports, _, rest = quickstart.partition('songs = pd.read_csv("songs.csv")')
    names = {}
    exec(imports + rest.splitlines()[1], names)
    (columns,) = blocks(DOCS / "guides" / "own_pipeline.md", "columns")
    names |= {"songs": songs}
    exec(columns, names)
    found = names["explanation"].top(modality="columns")["component"]
    assert set(found) == {"column[artist]", "column[year]"}


@pytest.mark.slow
def test_the_guide_to_torch_runs():
    pytest.importorskip("torch", reason="needs the extra deep")
    names = {}
    exec(*blocks(DOCS / "guides" / "torch.md", "torch"), names)
    settings = names["explanation"].settings
    assert settings["model"] == "factored"
    assert settings["n_combinations"] <= 4000


@pytest.mark.slow
def test_the_guide_to_retrieval_runs():
    names = {}
    exec(*blocks(DOCS / "guides" / "retrieval.md", "retrieval"), names)
    found = names["first"].interactions().iloc[0]
    assert {found["first"].partition("@")[0], found["second"]} & {"deep", "bass", "bright", "drums"}
    assert names["first"].settings["model"] == "factored"
