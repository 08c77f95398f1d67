"""The page of a local explanation, in a real browser.

Over 400 lines since one browser and one page serve all of it.
"""

import base64
import html
import io
import json
import os
import re
import shutil
import time
from dataclasses import replace
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import song_array

from sklearn_musiclime import (
    GlobalExplanation,
    LocalExplanation,
    MusicLimeExplainer,
    StemSeparator,
    UniformSegmenter,
)
from sklearn_musiclime.components import AudioComponents, Decomposition, split_lyrics
from sklearn_musiclime.datasets import save_songs
from sklearn_musiclime.surrogate.interactions import Interactions

CHROMIUM = shutil.which("chromium")
HOSTILE = (
    "</script><script>window.ran = 1</script>",
    '"><img src=x onerror="window.ran = 2">',
    "'; window.ran = 3; '",
    "javascript:window.ran=4",
    "{{ 7 * 7 }}{% raw %}",
    "\u202eabc\u202c <!-- \udc80",
    "x" * 10_000,
)


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("needs Debian's chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"],
        )
        yield browser
        browser.close()


@pytest.fixture
def opened(browser):
    """Open pages without a network; fail on whatever they complain of or ask for."""
    complaints = []
    context = browser.new_context(offline=True)

    def open_page(explanation, path, **options):
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        requests = []
        page.goto(explanation.to_html(path, **options).as_uri())
        assert len(requests) == 1
        return page

    yield open_page
    context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def explanation(made_songs, made_model, tmp_path_factory):
    X, _, stems, _ = made_songs
    song = save_songs(X.iloc[[1]], [stems[1]], tmp_path_factory.mktemp("page"))
    separator = StemSeparator(sources=tuple(stems[1]))
    explainer = MusicLimeExplainer(made_model, separator=separator, random_state=0, n_samples=300)
    return explainer.fit(song).explain(song, ["wild", "calm"])[0]


def wait(page, condition):
    """Wait until something is so; playwright's own way evaluates strings, which is forbidden."""
    deadline = time.monotonic() + 10
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        time.sleep(0.02)


@pytest.fixture(scope="module")
def overall(made_songs, made_model):
    X = made_songs[0].iloc[:12]
    explainer = MusicLimeExplainer(made_model, random_state=0, n_samples=100).fit(X)
    return explainer.explain_global(X, keep_explanations=True)


def rendered(page, plan):
    return np.array(page.evaluate(f"musiclime.rendered({plan}).then((y) => Array.from(y))"))


def components_heard(explanation, waveform, first):
    """The part of each source in a waveform that begins at a sample, by least squares."""
    sources = explanation.components.audio.sources[:, first : first + len(waveform)]
    heard = np.linalg.lstsq(sources.T.astype(float), waveform[: sources.shape[1]], rcond=None)[0]
    return np.where(np.square(sources).sum(axis=1) > 1e-3, heard, 0.0)


def loudest(explanation):
    """The component of the most energy, as source and segment."""
    audio = explanation.components.audio
    energy = np.add.reduceat(np.square(audio.sources), audio.borders[:-1], axis=1)
    return np.unravel_index(np.argmax(energy), energy.shape)


@pytest.mark.slow
def test_a_component_is_heard_and_no_other(explanation, opened, tmp_path):
    page = opened(explanation, tmp_path / "page.html")
    audio = explanation.components.audio
    source, segment = (int(i) for i in loudest(explanation))
    first = audio.borders[segment]
    alone = rendered(page, f"musiclime.plans.only({source}, {segment})")
    heard = components_heard(explanation, alone, first)
    assert heard[source] == pytest.approx(1, abs=0.3)  # less where the ramp meets an attack
    assert np.abs(np.delete(heard, source)).max() < 0.02
    # Without it, the others are heard there.
    without = rendered(page, f"musiclime.plans.without({source}, {segment})")
    begin = max(0, first - 22050)
    inside = slice(first - begin, audio.borders[segment + 1] - begin)
    assert abs(components_heard(explanation, without[inside], first)[source]) < 0.02
    around = np.concatenate([without[: inside.start], without[inside.stop :]])
    assert np.square(around).sum() > 0


def test_the_buttons_play_what_they_say(explanation, opened, tmp_path):
    page = opened(explanation, tmp_path / "page.html")
    mix = explanation.components.audio.mix
    whole = rendered(page, "musiclime.plans.original()")[: len(mix)]
    assert np.corrcoef(whole, mix[: len(whole)])[0, 1] > 0.95
    for sign, direction in ((1, "for"), (-1, "against")):
        expected = explanation.sonify(1000, direction=direction)
        found = rendered(page, f"musiclime.plans.signed({sign})")[: len(expected)]
        error = np.square(found - expected[: len(found)]).sum()
        assert error < 0.15 * max(np.square(expected).sum(), 1e-6)


def test_a_click_plays_and_the_playhead_moves(explanation, opened, tmp_path):
    page = opened(explanation, tmp_path / "page.html")
    assert page.evaluate("musiclime.state().playing") is False
    source, segment = (int(i) for i in loudest(explanation))
    audio = explanation.components.audio
    page.locator(".cell").nth(source * audio.n_segments + segment).click()
    wait(page, "musiclime.state().playing")
    wait(page, "!musiclime.state().playing")
    assert page.evaluate("musiclime.state().position") == pytest.approx(audio.times[segment + 1])
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("Space")
    wait(page, "musiclime.state().playing && musiclime.state().position > 0.2")
    page.keyboard.press("Space")
    wait(page, "!musiclime.state().playing")


def test_words_follow_the_sound(explanation, opened, tmp_path):
    page = opened(explanation, tmp_path / "page.html")
    lyrics = explanation.components.lyrics
    sung = [
        (lyrics.text[start:end], *times)
        for start, end, component in lyrics.occurrences()
        for times in [lyrics.span_times[component][lyrics.spans[component].index((start, end))]]
    ]
    for moment in (0.05, 0.9, 1.7):
        page.evaluate(f"musiclime.show({moment})")
        expected = [text for text, start, end in sung if start <= moment < end]
        assert page.locator(".unit.now").all_text_contents() == expected
        assert float(page.locator("#seek").input_value()) == pytest.approx(moment, abs=0.01)


def background(page, locator):
    colour = locator.evaluate("(element) => getComputedStyle(element).backgroundColor")
    return np.array(re.findall(r"\d+", colour)[:3], dtype=int)


def test_colours_and_labels(explanation, opened, tmp_path):
    page = opened(explanation, tmp_path / "page.html")
    for label in ("wild", "calm"):
        page.select_option("#label", label=label)
        assert label in page.locator("#said").text_content()
        for modality, units in (("audio", ".cell"), ("lyrics", ".unit")):
            top = explanation.top(1, label, modality=modality).iloc[0]
            if modality == "audio":
                element = page.locator(f'{units}[aria-label^="{top["component"]},"]')
            else:
                element = page.locator(units, has_text=re.compile(f"^{top['text']}$"))
            red, _, blue = background(page, element.first)
            assert (blue > red) == (top["weight"] > 0)
        first = page.locator("#bars .bar").first
        assert explanation.top(1, label)["component"][0] in first.text_content()


def test_arrows_move_over_components(explanation, opened, tmp_path):
    page = opened(explanation, tmp_path / "page.html")
    page.locator(".cell").first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
    names = explanation.components.names
    n_segments = explanation.components.audio.n_segments
    focused = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused.startswith(f"{names[n_segments + 1]}, weight ")
    assert page.locator(".cell[tabindex='0']").count() == 1


def one(lyrics="la la", *, title="a song", label="pop", sources=("vocals",), pairs=()):
    """A small explanation; component i has weight i + 1."""
    rng = np.random.default_rng(0)
    stems = rng.normal(0, 0.1, (len(sources), 22050)).astype(np.float32)
    borders = np.array([0, 11025, 22050])
    audio = AudioComponents(stems.sum(axis=0), tuple(sources), stems, borders, 22050)
    components = Decomposition(audio, split_lyrics(lyrics))
    weights = np.arange(1.0, len(components) + 1)[np.newaxis]
    terms = Interactions(
        np.array(pairs, dtype=int).reshape(-1, 2), np.ones((1, len(pairs))),
        np.full((1, len(pairs)), 0.1), np.zeros((1, len(pairs))),
    )  # fmt: skip
    return LocalExplanation(
        title=title, row=0, prediction={label: 0.7}, labels=[label], components=components,
        weights=weights, intercept=np.zeros(1), fidelity=np.ones(1), local_prediction=np.ones(1),
        std_err=0.1 * weights, shares=np.full((1, 3), 1 / 3), shares_std_err=np.zeros((1, 3)),
        corner_scores=np.zeros((1, 4)), interaction_terms=terms, settings={"regressor": HOSTILE[0]},
    )  # fmt: skip


def test_an_interaction_lights_up_both_ends(opened, tmp_path):
    page = opened(one("love me", pairs=[(1, 2)]), tmp_path / "page.html")
    page.locator("#interactions .bar").hover()
    lit = page.locator(".lit")
    assert lit.count() == 2
    assert page.locator(".cell.lit").get_attribute("aria-label").startswith("vocals@1,")
    assert page.locator(".unit.lit").text_content() == "love"
    page.locator("h1").hover()
    assert lit.count() == 0


def test_all_occurrences_light_up_together(opened, tmp_path):
    page = opened(one("la di la"), tmp_path / "page.html")
    page.locator(".unit").first.hover()
    assert page.locator(".unit.lit").all_text_contents() == ["la", "la"]


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_a_user_wrote_is_text(text, opened, tmp_path):
    explanation = one(text, title=text, label=text, sources=(text, "other"))
    page = opened(explanation, tmp_path / "page.html")
    shown = text.encode("utf-8", "backslashreplace").decode().replace("\\udc80", "")
    assert page.evaluate("window.ran") is None
    for place in ("h1", "#said", "#lyrics"):
        found = page.locator(place).text_content()
        assert shown[:20] in found, place
    page.evaluate("document.querySelector('.cell').click()")
    wait(page, "musiclime.state().playing")
    assert page.locator(".cell").count() == 4
    assert page.evaluate("window.ran") is None
    assert page.locator("img, iframe, object").count() == 0


def test_nothing_but_its_own_script_may_run(browser, tmp_path):
    page = browser.new_page()
    page.goto(one().to_html(tmp_path / "page.html").as_uri())
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.ran = 1";
            document.body.append(script);
            document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.ran = 2'>");
        }"""
    )
    blocked = page.evaluate("fetch('data:text/plain,1').then(() => 'fetched', () => 'blocked')")
    assert blocked == "blocked"
    assert page.evaluate("window.ran") is None
    page.close()


def test_explanations_of_one_modality(opened, tmp_path, made_songs, made_model):
    X = made_songs[0].iloc[:1]
    for modality, there, missing in (
        ("lyrics", "#lyrics", "#lanes"),
        ("audio", "#lanes", "#lyrics"),
    ):
        explainer = MusicLimeExplainer(made_model, modality=modality, n_samples=60, random_state=0)
        explanation = explainer.fit(X).explain(X)[0]
        page = opened(explanation, tmp_path / f"{modality}.html")
        assert page.locator(there).count() == 1
        assert page.locator(missing).count() == 0
        assert page.locator("#bars .bar").count() == min(len(explanation.components), 12)


def test_the_data_is_that_of_the_explanation(explanation, tmp_path):
    text = explanation.to_html(tmp_path / "page.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, flags=re.DOTALL).group(1))
    assert [label["name"] for label in data["labels"]] == ["wild", "calm"]
    for index, label in enumerate(data["labels"]):
        np.testing.assert_allclose(label["weights"], explanation.weights[index])
    assert data["components"] == list(explanation.components.names)
    assert "".join(piece[0] for piece in data["lyrics"]) == explanation.components.lyrics.text


@pytest.mark.parametrize(
    ("rate", "expected"),
    [(4000, 8000), (8000, 8000), (44_100, 44_100), (96_000, 48_000), (192_001, 48_000),
     (384_000, 48_000), (1_000_000, 48_000)],
)  # fmt: skip
def test_songs_of_every_rate_can_be_heard(rate, expected, tmp_path):
    """The tone stays the same tone, as long and as loud."""
    seconds, pitch = 0.5, 1000
    tone = 0.5 * np.sin(2 * np.pi * pitch * np.arange(int(seconds * rate)) / rate)
    X = song_array((tone.astype(np.float32), "la"))
    explainer = MusicLimeExplainer(
        lambda songs: np.array([[len(words), 1.0] for _, words in songs]), separator=None,
        segmenter=UniformSegmenter(2), n_samples=20, interactions=None, sampling_rate=rate,
    )  # fmt: skip
    page = explainer.fit(X).explain(X, [0])[0].to_html(tmp_path / "page.html")
    text = page.read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, flags=re.DOTALL).group(1))
    played, found = soundfile.read(io.BytesIO(base64.b64decode(data["audio"]["sources"][0]["ogg"])))
    assert (data["audio"]["rate"], found) == (expected, expected)
    assert data["audio"]["borders"] == pytest.approx([0, seconds / 2, seconds], abs=0.01)
    assert len(played) == pytest.approx(seconds * expected, abs=2)
    spectrum = np.abs(np.fft.rfft(played))
    frequencies = np.fft.rfftfreq(len(played), 1 / expected)
    assert frequencies[np.argmax(spectrum)] == pytest.approx(pitch, abs=3)
    assert np.square(played).mean() == pytest.approx(0.125, rel=0.1)


def test_waveforms_are_needed(explanation):
    light = LocalExplanation(
        **(explanation.__dict__ | {"components": explanation.components.without_waveforms()})
    )
    with pytest.raises(ValueError, match="no waveforms"):
        light.to_html("nowhere.html")


# The page of a global explanation.


@pytest.mark.slow
@pytest.mark.parametrize("method", ["average", "lime", "homogeneity"])
def test_each_class_shows_what_counts_for_it(method, overall, opened, tmp_path):
    page = opened(overall, tmp_path / "global.html")
    page.select_option("#method", value=method)
    for label in overall.labels:
        section = page.locator(f'section.class[aria-label="{label}"]')
        top = overall.top(12, label, method=method, modality="lyrics")
        names = section.locator(".bar .name").all_text_contents()
        shown = overall.importance(method)[label]
        np.testing.assert_allclose(shown[names], top["importance"])  # ties in any order
        heat = overall.audio_map(label, method).to_numpy()
        cells = section.locator(".cell")
        assert cells.count() == heat.size
        strongest = cells.nth(int(np.argmax(heat))).get_attribute("title")
        assert float(strongest.rpartition(" ")[2]) == pytest.approx(heat.max(), rel=0.01)


def test_two_classes_side_by_side(overall, opened, tmp_path):
    page = opened(overall, tmp_path / "global.html")
    expected = overall.compare("calm", "wild")
    first = page.locator("#comparison .bar").first
    assert first.locator(".name").text_content() == expected["component"][0]
    more = "calm" if expected["difference"][0] > 0 else "wild"
    assert first.locator(".number").text_content().endswith(f"more for {more}")
    page.select_option("#second", label="calm")
    assert page.locator("#comparison .bar").count() == 0  # a class and itself
    assert page.locator("#alone .bar").count() == 0


def test_what_one_class_alone_has_is_not_compared(opened, tmp_path):
    overall = GlobalExplanation.from_totals({
        "a": {"drums0": (4.0, 2), "drums1": (0.0, 2), "love": (9.0, 1), "night": (1.0, 1)},
        "b": {"drums0": (1.0, 2), "night": (3.0, 1)},
    })  # fmt: skip
    page = opened(overall, tmp_path / "global.html")
    assert page.locator("#comparison .name").all_text_contents() == ["night", "drums0"]
    assert page.locator("#alone .name").all_text_contents() == ["drums1", "love"]
    assert page.locator("#alone .value").count() == 0
    assert page.locator("#alone .bar").all_inner_texts()[1].split("\n")[1:] == ["only in a", "9.00"]
    assert page.locator("#alone-hint").is_visible()
    # A segment of no importance and one that no song of the class has do not look alike.
    nothing = page.locator('section[aria-label="a"] .cell').nth(1)
    unknown = page.locator('section[aria-label="b"] .cell').nth(1)
    assert nothing.get_attribute("title") == "drums1: 0.00"
    assert unknown.get_attribute("title") == "drums1: not known"
    assert unknown.evaluate("(e) => e.style.background") == ""
    assert nothing.evaluate("(e) => e.style.background") != ""
    page.select_option("#first", label="b")
    page.select_option("#second", label="b")
    assert not page.locator("#alone-hint").is_visible()


def test_wide_intervals_leave_room_for_bars(opened, tmp_path):
    explanations = [
        LocalExplanation(
            **(one("love").__dict__ | {"row": row, "weights": np.full((1, 3), weight)})
        )
        for row, weight in enumerate([1.0, 2.0, 6.0, 2.0])
    ]
    overall = GlobalExplanation.from_local(explanations)
    assert overall.interval()[1].loc["love", "pop"] > 3 * 2.75
    page = opened(overall, tmp_path / "global.html")
    axis, bar = (page.locator(f".bar {part}").bounding_box() for part in (".axis", ".value"))
    assert bar["width"] > 0.3 * axis["width"]


def test_picked_songs_have_pages_of_their_own(overall, opened, tmp_path):
    page = opened(overall, tmp_path / "global.html")
    picked = overall.pick(5)
    links = page.locator("#picked a")
    assert links.all_text_contents() == picked["title"].tolist()
    assert {p.name for p in tmp_path.iterdir()} == {"global.html"} | {
        f"global-song-{row}.html" for row in picked["row"]
    }
    links.first.click()
    wait(page, "window.musiclime !== undefined")
    assert page.locator("h1").text_content() == picked["title"].iloc[0]


@pytest.mark.parametrize(
    "name",
    ["a#b.html", "100%25.html", "what? now.html", "pop:rock.html", "a&b;\"'.html", "愛 é.html",
     "\udce9.html", "run.1", "a.b.html"],
)  # fmt: skip
def test_links_lead_to_the_songs_whatever_the_page_is_called(name, tmp_path):
    overall = replace(GlobalExplanation.from_local([one()]), explanations=[one()])
    page = overall.to_html(tmp_path / name)
    (link,) = re.findall(r'<a href="([^"]*)"', page.read_text(encoding="utf-8"))
    url = urlsplit(urljoin("file:///folder/page.html", html.unescape(link)))
    (song,) = set(tmp_path.iterdir()) - {page}
    assert (url.scheme, unquote_to_bytes(url.path)) == (
        "file",
        b"/folder/" + os.fsencode(song.name),
    )


def test_pages_of_other_names_have_other_songs(tmp_path):
    overall = replace(GlobalExplanation.from_local([one()]), explanations=[one()])
    for name in ("run.1", "run.2"):
        overall.to_html(tmp_path / name)
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_a_user_wrote_is_text_over_songs_too(text, opened, tmp_path):
    explanations = [
        one(text, title=text, label=label, sources=(text, "other")) for label in (text, "pop")
    ]
    overall = GlobalExplanation.from_local(explanations, words=lambda word: text)
    failed = pd.DataFrame([[7, 7, text, text]], columns=overall.failures.columns, dtype=object)
    overall = replace(overall, failures=failed)
    page = opened(overall, tmp_path / "global.html", title=text)
    shown = text.encode("utf-8", "backslashreplace").decode().replace("\\udc80", "")
    for place in ("h1", "h3", ".bar .name", ".lane .name", "#picked", "ul li"):
        found = page.locator(place).all_text_contents()
        assert any(shown[:20] in other for other in found), place
    assert page.evaluate("window.ran") is None
    assert page.locator("img, iframe, object").count() == 0


def test_a_page_of_totals(opened, tmp_path):
    overall = GlobalExplanation.from_totals({"a": {"drums0": (1.0, 2), "love": (2.0, 1)}})
    page = opened(overall, tmp_path / "global.html")
    assert page.locator(".bar .name").all_text_contents() == ["love"]
    assert page.locator("#picked").count() == 0
    assert page.locator("#comparison").count() == 0


@pytest.mark.parametrize("width", [320, 390])
def test_nothing_sticks_out_of_a_narrow_screen(width, explanation, overall, browser, tmp_path):
    page = browser.new_context(viewport={"width": width, "height": 700}).new_page()
    for shown in (explanation, overall, one("x" * 500, title="y" * 500, label="z" * 500)):
        page.goto(shown.to_html(tmp_path / "page.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
