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
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from sklearn_musiclime import (
    GlobalExplanation,
    LocalExplanation,
    MusicLimeExplainer,
    StemSeparator,
    UniformSegmenter,
    explain_difference,
)
from sklearn_musiclime.commands import demo_model
from sklearn_musiclime.components import AudioComponents, Decomposition, split_lyrics
from sklearn_musiclime.components.readable import readable_names
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
    return np.array(page.evaluate(f"musiclime.player.rendered({plan}).then((y) => Array.from(y))"))


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
    alone = rendered(page, f"musiclime.player.plans.only({source}, {segment})")
    heard = components_heard(explanation, alone, first)
    assert heard[source] == pytest.approx(1, abs=0.3)  # less where the ramp meets an attack
    assert np.abs(np.delete(heard, source)).max() < 0.02
    # Without it, the others are heard there.
    without = rendered(page, f"musiclime.player.plans.without({source}, {segment})")
    begin = max(0, first - 22050)
    inside = slice(first - begin, audio.borders[segment + 1] - begin)
    assert abs(components_heard(explanation, without[inside], first)[source]) < 0.02
    around = np.concatenate([without[: inside.start], without[inside.stop :]])
    assert np.square(around).sum() > 0


def test_the_buttons_play_what_they_say(explanation, opened, tmp_path):
    page = opened(explanation, tmp_path / "page.html")
    mix = explanation.components.audio.mix
    whole = rendered(page, "musiclime.chosen('original')")[: len(mix)]
    assert np.corrcoef(whole, mix[: len(whole)])[0, 1] > 0.95
    for direction in ("for", "against"):
        expected = explanation.sonify(1000, direction=direction)
        found = rendered(page, f"musiclime.chosen('{direction}')")[: len(expected)]
        error = np.square(found - expected[: len(found)]).sum()
        assert error < 0.15 * max(np.square(expected).sum(), 1e-6)


def test_a_click_plays_and_the_playhead_moves(explanation, opened, tmp_path):
    page = opened(explanation, tmp_path / "page.html")
    assert page.evaluate("musiclime.state().isPlaying") is False
    source, segment = (int(i) for i in loudest(explanation))
    audio = explanation.components.audio
    page.locator(".cell").nth(source * audio.n_segments + segment).click()
    wait(page, "musiclime.state().isPlaying")
    wait(page, "!musiclime.state().isPlaying")
    assert page.evaluate("musiclime.state().position") == pytest.approx(audio.times[segment + 1])
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("Space")
    wait(page, "musiclime.state().isPlaying && musiclime.state().position > 0.2")
    page.keyboard.press("Space")
    wait(page, "!musiclime.state().isPlaying")


def heard_at(page, name, moment):
    """What is heard of "for", "against" or "original" for a tenth of a second from a moment."""
    plan = f"{{ ...musiclime.chosen('{name}'), from: {moment}, to: {moment + 0.1} }}"
    return rendered(page, plan)


@pytest.mark.slow
def test_for_and_against_are_compared_at_the_same_moment(explanation, opened, tmp_path):
    page = opened(explanation, tmp_path / "page.html")
    page.locator("#play-for").click()
    wait(page, "musiclime.state().isPlaying && musiclime.state().position > 0.3")
    page.locator("#play-against").click()
    wait(page, "musiclime.state().isPlaying && musiclime.state().plan.name === 'against'")
    assert page.evaluate("musiclime.state().position") >= 0.3
    assert page.locator("#play-against").get_attribute("aria-pressed") == "true"
    assert page.locator("#play-for").get_attribute("aria-pressed") == "false"
    # At each moment the two together are the song, but for what has no weight.
    page.keyboard.press("Space")
    for moment in (0.45, 1.25):
        parts = [heard_at(page, name, moment) for name in ("for", "against", "original")]
        np.testing.assert_allclose(parts[0] + parts[1], parts[2], atol=0.02)


def test_another_label_changes_what_plays(explanation, opened, tmp_path):
    page = opened(explanation, tmp_path / "page.html")
    page.locator("#play-for").click()
    page.locator("#play-for").focus()
    page.keyboard.press("Space")
    before = page.evaluate("musiclime.state().plan.mask")
    page.select_option("#label", label="calm")  # two classes: what is for one is against the other
    after = page.evaluate("musiclime.state().plan.mask")
    signs = np.sign(explanation.weights[:, : explanation.components.n_audio])
    np.testing.assert_array_equal(np.ravel(before), signs[0] > 0)
    np.testing.assert_array_equal(np.ravel(after), signs[1] > 0)


@pytest.mark.parametrize("place", ["h1", "#play-for", ".cell", "#bars .bar", "#seek", "summary"])
def test_space_plays_and_pauses_wherever_the_focus_is(place, explanation, opened, tmp_path):
    page = opened(explanation, tmp_path / "page.html")
    page.locator(place).first.focus()
    page.keyboard.press("Space")
    wait(page, "musiclime.state().isPlaying")
    assert page.evaluate("musiclime.state().plan.name") == "original"
    page.keyboard.press("Space")
    wait(page, "!musiclime.state().isPlaying")
    assert not page.locator("details").first.evaluate("(details) => details.open")


@pytest.mark.slow
def test_a_selection_is_looped_and_zoomed_into(explanation, opened, tmp_path):
    page = opened(explanation, tmp_path / "page.html")
    box = page.locator("#ruler").bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 5, steps=4)
    page.mouse.up()
    seconds = page.evaluate("musiclime.player.seconds")
    start, end = page.evaluate("musiclime.state().selection")
    assert (start, end) == pytest.approx((0.5 * seconds, 0.6 * seconds), abs=0.02 * seconds)
    page.keyboard.press("Space")
    page.evaluate("window.seen = []; window.watch = setInterval(() => seen.push(musiclime.state()"
                  ".position), 10)")  # fmt: skip
    wait(page, "seen.some((at, i) => i && at < seen[i - 1] - 0.05)")  # it began anew
    assert page.evaluate("Math.max(...seen)") <= end + 1e-6
    assert page.evaluate("Math.min(...seen.slice(5))") >= start - 1e-6
    page.keyboard.press("Space")
    before = page.locator("#ruler").bounding_box()["width"]
    page.locator("#zoom-in").click()
    assert page.locator("#ruler").bounding_box()["width"] == pytest.approx(10 * before, rel=0.25)
    middle = page.evaluate(
        "(e => (e.scrollLeft + e.clientWidth / 2) / document.getElementById('ruler').clientWidth)"
        "(document.getElementById('scroller'))"
    )
    assert middle == pytest.approx(0.55, abs=0.03)
    page.keyboard.press("Escape")
    assert page.evaluate("musiclime.state().selection") is None


def test_a_lane_is_muted_or_heard_alone(opened, tmp_path):
    explanation = one(sources=("vocals", "drums"))
    page = opened(explanation, tmp_path / "page.html")
    vocals, drums = explanation.components.audio.sources
    for button, expected in (
        ("Mute vocals", drums),
        ("Hear vocals alone", vocals),  # alone, though it is muted
        ("Mute drums", vocals),
    ):
        page.get_by_role("button", name=button).click()
        heard = rendered(page, "musiclime.chosen('original')")[1000:20000]
        loud = [np.corrcoef(heard, source[1000:20000])[0, 1] for source in (vocals, drums)]
        assert np.argmax(loud) == (0 if expected is vocals else 1), button
        assert min(loud) < 0.1 < 0.9 < max(loud)
    page.get_by_role("button", name="Hear vocals alone").click()
    assert np.abs(rendered(page, "musiclime.chosen('original')")).max() == 0  # both are muted
    page.locator("#volume").fill("0.5")
    page.get_by_role("button", name="Mute vocals").click()
    half = rendered(page, "musiclime.chosen('original')")[1000:20000]
    assert half.std() == pytest.approx(0.5 * vocals[1000:20000].std(), rel=0.1)


def test_a_spectrogram_shows_a_tone_at_its_height(opened, tmp_path):
    page = opened(one(), tmp_path / "page.html")
    columns = np.array(
        page.evaluate(
            """melSpectrogram(Float32Array.from({ length: 22050 },
            (_, i) => Math.sin((2 * Math.PI * 2000 * i) / 22050)), 22050, 10, 40)"""
        )
    )
    mel = 2595 * np.log10(1 + np.array([2000, 11025]) / 700)
    assert columns.shape == (10, 40)
    assert (columns[1:-1].argmax(axis=1) == int(40 * mel[0] / mel[1])).all()
    # Parseval: the energy of a windowed tone, of which half is at positive frequencies.
    energy = 10 ** (columns[5] / 10)
    assert energy.sum() == pytest.approx(0.375 / 4, rel=0.02)
    before = page.evaluate("document.querySelector('.cells canvas').toDataURL()")
    page.select_option("#picture", "mel")
    wait(page, "document.getElementById('status').textContent === ''")
    wait(page, f"document.querySelector('.cells canvas').toDataURL() !== '{before}'")


def test_a_word_is_heard_where_it_is_sung(explanation, opened, tmp_path):
    page = opened(explanation, tmp_path / "page.html")
    starts = [t[0] for _, c, t in explanation.components.lyrics.pieces() if c is not None]
    page.locator(".unit").nth(6).click()
    wait(page, "musiclime.state().isPlaying")
    assert page.evaluate("musiclime.state().position") >= starts[6] - 1e-6
    assert page.evaluate("musiclime.state().plan.name") == "original"
    page.keyboard.press("Space")
    assert page.evaluate("musiclime.state().position") < starts[6] + 1


def test_a_word_without_times_is_heard_with_its_partner(opened, tmp_path):
    page = opened(one("love me", pairs=[(1, 2)]), tmp_path / "page.html")
    page.locator(".unit").first.focus()
    page.keyboard.press("Enter")
    wait(page, "musiclime.state().isPlaying")
    assert page.evaluate("musiclime.state().plan.mask") == [[False, True]]


def test_lyrics_scroll_with_the_song(opened, tmp_path):
    text = "\n".join(["la"] * 80 + ["end"])
    explanation = one(text)
    lyrics = explanation.components.lyrics
    times = tuple(
        tuple((i / 81, (i + 1) / 81) for i in ([*range(80)] if name == "la" else [80]))
        for name in lyrics.names
    )
    components = replace(explanation.components, lyrics=replace(lyrics, span_times=times))
    page = opened(replace(explanation, components=components), tmp_path / "page.html")
    assert page.evaluate("document.getElementById('lyrics').scrollTop") == 0
    page.evaluate("musiclime.player.seek(0.995)")
    box, word = (page.locator(place).bounding_box() for place in ("#lyrics", ".unit.now"))
    assert box["y"] <= word["y"] < box["y"] + box["height"]


@pytest.mark.parametrize(
    ("line", "is_reversed"),
    [("قمر على البحر", True), ("ירח על הים", True), ("ماه بر دریا", True), ("moon on sea", False)],
)
def test_each_line_has_its_own_direction(line, is_reversed, opened, tmp_path):
    page = opened(one(f"a love song\n{line}\nend"), tmp_path / "page.html")
    lines = page.locator(".line")
    places = [unit.bounding_box()["x"] for unit in lines.nth(1).locator(".unit").all()]
    assert len(places) == 3
    assert places == sorted(places, reverse=is_reversed)
    first = [unit.bounding_box()["x"] for unit in lines.first.locator(".unit").all()]
    assert first == sorted(first)


def test_what_may_be_nothing_looks_so(opened, tmp_path):
    explanation = one("love me")
    std_err = np.where(np.arange(4) % 2, 0.1, 10.0)[np.newaxis] * explanation.weights
    page = opened(replace(explanation, std_err=std_err), tmp_path / "page.html")
    elements = [page.locator(".cell").nth(i) for i in (0, 1)]
    elements += [page.locator(".unit").nth(i) for i in (0, 1)]
    images = [e.evaluate("(e) => getComputedStyle(e).backgroundImage") for e in elements]
    assert ["gradient" in image for image in images] == [True, False, True, False]
    assert "may be nothing" in elements[0].get_attribute("aria-label")
    assert "may be nothing" not in elements[1].get_attribute("aria-label")
    page.locator("#doubt").uncheck()
    assert elements[0].evaluate("(e) => getComputedStyle(e).backgroundImage") == "none"
    assert page.locator("#legend-text").text_content() == "against −4 … +4 for"


@pytest.mark.parametrize(
    ("fidelity", "word", "says"),
    [(0.95, "Good", "95 %"), (0.6, "Fair", "60 %"), (0.13, "Care", "only 13 %"),
     (-0.2, "Care", "too few masks")],
)  # fmt: skip
def test_a_badge_says_how_sure_it_is(fidelity, word, says, opened, tmp_path):
    explanation = replace(one(), fidelity=np.array([fidelity]))
    page = opened(explanation, tmp_path / "page.html")
    assert page.locator("#sure strong").text_content() == word
    assert says in page.locator("#sure span").text_content()


def test_the_first_screen_answers(explanation, opened, tmp_path):
    page = opened(explanation, tmp_path / "page.html")
    page.set_viewport_size({"width": 1440, "height": 900})
    said = max(explanation.prediction, key=explanation.prediction.get)
    other = next(label for label in explanation.labels if label != said)
    page.select_option("#label", label=other)
    question = page.locator("#question").text_content()
    assert question.startswith(f"What speaks for {other} (")
    assert f"The model said {said} (" in question
    page.select_option("#label", label=said)
    assert page.locator("#question").text_content().startswith(f"Why did the model say {said} (")
    scores = explanation.modality_scores(said)
    numbers = page.locator("#steps .number").all_text_contents()
    added = [float(text.replace("−", "-")) for text in numbers]
    assert added[0] == pytest.approx(scores["neither"], rel=0.01)
    assert added[1] == pytest.approx(scores["lyrics"] - scores["neither"], abs=0.01)
    assert added[2] == pytest.approx(scores["audio"] - scores["neither"], abs=0.01)
    assert sum(added[:4]) == pytest.approx(scores["both"], abs=0.01)
    assert added[4] == pytest.approx(explanation.prediction[said], rel=0.01)
    fill = page.locator("#prediction .fill").first.bounding_box()["width"]
    track = page.locator("#prediction .track").first.bounding_box()["width"]
    assert fill / track == pytest.approx(explanation.prediction[said], abs=0.01)  # of 1
    # The answer, the player and what counts most are on the first screen, side by side.
    for place in ("#sure", "#steps", "#toggle", "#bars .bar >> nth=0", ".unit >> nth=0"):
        box = page.locator(place).bounding_box()
        assert box["y"] + box["height"] <= 900, place
    assert page.locator("#bars").bounding_box()["x"] > page.locator("#lyrics").bounding_box()["x"]
    # The player stays in sight, and the page is short.
    page.mouse.wheel(0, 5000)
    wait(page, "scrollY > 0")
    assert page.locator("#toggle").bounding_box()["y"] >= 0
    assert page.evaluate("document.documentElement.scrollHeight") <= 4 * 900


def test_an_output_is_asked_for_as_such(opened, tmp_path):
    explanation = replace(one(label="valence"), settings={"kind": "outputs"})
    page = opened(explanation, tmp_path / "page.html")
    assert page.locator("#question").text_content() == "What adds to valence? The model gives 0.7."


def test_of_several_labels_at_once_none_is_said_to_be_the_one(made_songs, opened, tmp_path):
    X = made_songs[0][["audio", "lyrics"]]
    on = np.column_stack([X["lyrics"].str.contains(word) for word in ("dream", "river")])
    words = make_column_transformer((CountVectorizer(), "lyrics"))
    model = make_pipeline(words, OneVsRestClassifier(LogisticRegression())).fit(X, on.astype(int))
    both = X[on.all(axis=1)][:1]
    assert model.predict(both).tolist() == [[1, 1]]
    explainer = MusicLimeExplainer(FrozenEstimator(model), modality="lyrics", random_state=0)
    explanation = explainer.fit(X).explain(both)[0]
    page = opened(explanation, tmp_path / "page.html")
    for label in explanation.labels:
        page.select_option("#label", label=str(label))
        question = page.locator("#question").text_content()
        assert question == f"What speaks for {label} ({explanation.prediction[label]:.3g})?"


def test_many_segments_can_be_touched(browser, tmp_path):
    explanation = one()
    borders = np.linspace(0, 22050, 31).astype(int)
    audio = replace(explanation.components.audio, borders=borders)
    components = replace(explanation.components, audio=audio)
    n = len(components)
    explanation = replace(
        explanation, components=components, weights=np.ones((1, n)), std_err=np.ones((1, n)),
        dof=None,
    )  # fmt: skip
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    page.goto(explanation.to_html(tmp_path / "page.html").as_uri())
    boxes = [cell.bounding_box() for cell in page.locator(".cell").all()]
    assert len(boxes) == 30
    assert min(box["width"] for box in boxes) >= 23.9
    assert min(box["height"] for box in boxes) >= 24
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(".cell").nth(1).tap()
    assert page.locator("#tip").is_visible()
    order = [
        page.locator(place).bounding_box()["y"] for place in ("#sure", "#lanes", "#bars", "#lyrics")
    ]
    assert order == sorted(order)
    context.close()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_everyone_can_use_it(scheme, width, explanation, overall, browser, tmp_path):
    """The rules of axe-core, which check WCAG."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-core")
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    for shown in (explanation, overall):
        page.goto(shown.to_html(tmp_path / "page.html").as_uri())
        found = axe.Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    context.close()


def test_words_follow_the_sound(explanation, opened, tmp_path):
    page = opened(explanation, tmp_path / "page.html")
    lyrics = explanation.components.lyrics
    sung = [
        (lyrics.text[start:end], *times)
        for start, end, component in lyrics.occurrences()
        for times in [lyrics.span_times[component][lyrics.spans[component].index((start, end))]]
    ]
    for moment in (0.05, 0.9, 1.7):
        page.evaluate(f"musiclime.player.seek({moment})")
        expected = [text for text, start, end in sung if start <= moment < end]
        assert page.locator(".unit.now").all_text_contents() == expected
        assert float(page.locator("#seek").input_value()) == pytest.approx(moment, abs=0.01)


def background(page, locator):
    """Red and blue of an element's colour, which a browser gives as ``color(srgb r g b)``."""
    colour = locator.evaluate("(element) => getComputedStyle(element).backgroundColor")
    red, _, blue = re.findall(r"[\d.]+", colour)[:3]
    return float(red), float(blue)


def test_colours_and_labels(explanation, opened, tmp_path):
    page = opened(explanation, tmp_path / "page.html")
    names = readable_names(explanation.components)
    for label in ("wild", "calm"):
        page.select_option("#label", label=label)
        assert label in page.locator("#question").text_content()
        for modality, units in (("audio", ".cell"), ("lyrics", ".unit")):
            top = explanation.top(1, label, modality=modality).iloc[0]
            if modality == "audio":
                at = explanation.components.names.index(top["component"])
                element = page.locator(units).nth(at)
            else:
                element = page.locator(units, has_text=re.compile(f"^{top['text']}$"))
            red, blue = background(page, element.first)
            assert (blue > red) == (top["weight"] > 0)
        first = page.locator("#bars .bar").first
        at = explanation.components.names.index(explanation.top(1, label)["component"][0])
        assert names[at] in first.text_content()


def test_arrows_move_over_components(explanation, opened, tmp_path):
    page = opened(explanation, tmp_path / "page.html")
    page.locator(".cell").first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
    names = readable_names(explanation.components)
    n_segments = explanation.components.audio.n_segments
    focused = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused.startswith(f"{names[n_segments + 1]}: ")
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


@pytest.fixture(scope="module")
def sets(explanation):
    """Two segments and a word decide."""
    scores = np.array(list(explanation.prediction.values()))
    label = list(explanation.prediction)[scores.argmax()]
    source, segment = loudest(explanation)
    audio = explanation.components.audio
    first = int(source * audio.n_segments + segment)
    decisive = [first, (first + 2) % len(audio), len(audio)]

    def score(masks):
        is_on = masks[:, decisive].all(axis=1, keepdims=True)
        return np.where(is_on, scores, scores[::-1])

    found = [
        explanation.sufficient(label, mask_function=score),
        explanation.counterfactual(label, mask_function=score, random_state=1),
    ]
    assert sorted(found[0].positions) == sorted(decisive)
    return found


def test_sets_are_listed_and_heard(explanation, sets, opened, tmp_path):
    page = opened(explanation, tmp_path / "page.html", sets=sets)
    assert page.locator(".set").count() == 2
    for i, found in enumerate(sets):
        assert found.found
        shown = page.locator(".set").nth(i)
        assert shown.locator(".play-set").count() == any(
            position < explanation.components.n_audio for position in found.positions
        )
        assert shown.locator(".parts li").all_text_contents() == found.shown
        finding, evidence = found.describe()
        assert shown.locator("strong").text_content() == finding
        assert shown.locator(".hint").text_content() == evidence
    expected = sets[0].sonify()
    heard = rendered(page, "musiclime.player.plans.of(data.sets[0].heard)")[: len(expected)]
    error = np.square(heard - expected[: len(heard)]).sum()
    assert error < 0.15 * np.square(expected).sum()
    page.locator(".play-set").first.click()
    wait(page, "musiclime.state().isPlaying")
    assert page.locator(".cell.lit").count() == 2


def test_a_page_without_sets_has_no_section_of_them(explanation, opened, tmp_path):
    assert opened(explanation, tmp_path / "page.html").locator("#sets").count() == 0


def test_sets_of_another_song_are_refused(sets):
    with pytest.raises(ValueError, match="other components"):
        one().to_html("nowhere.html", sets=sets)


def test_an_interaction_lights_up_both_ends(opened, tmp_path):
    page = opened(one("love me", pairs=[(1, 2)]), tmp_path / "page.html")
    page.locator("#interactions .bar").hover()
    lit = page.locator(".lit")
    assert lit.count() == 2
    assert page.locator(".cell.lit").get_attribute("aria-label").startswith("vocals, 0:00.5–")
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
    enough = explanation.sufficient(mask_function=lambda masks: 0.7 * masks[:, :1], threshold=0.5)
    page = opened(explanation, tmp_path / "page.html", sets=[enough])
    shown = text.encode("utf-8", "backslashreplace").decode().replace("\\udc80", "")
    assert shown[:20] in page.locator(".parts").text_content()
    assert page.evaluate("window.ran") is None
    for place in ("h1", "#question", "#lyrics"):
        found = page.locator(place).text_content()
        assert shown[:20] in found, place
    page.evaluate("document.querySelector('.cell').click()")
    wait(page, "musiclime.state().isPlaying")
    assert page.locator(".cell").count() == 4
    assert page.evaluate("window.ran") is None
    assert page.locator("img, iframe, object").count() == 0


def test_any_text_passes_through_tables_plots_and_files(tmp_path):
    """Lone surrogates too, which text columns of pandas refuse where pyarrow is installed."""
    text = HOSTILE[5]
    explanation = one(text, title=text, label=text, sources=(text, "other"), pairs=[(0, 4)])
    other = one(text, title=text, label="pop", sources=(text, "other"))
    overall = GlobalExplanation.from_local([explanation, other])
    assert explanation.to_frame()["source"].iloc[0] == text
    assert explanation.audio_map().index[0] == overall.audio_map(text).index[0] == text
    assert len(explanation.interactions()) == 1
    assert len(overall.compare(text, "pop")) == len(overall.components)
    for shown in (explanation, overall):
        shown.plot().savefig(tmp_path / "plot.png")
        assert "<bdi>" in shown._repr_html_() or "component" in shown._repr_html_()
        shown.save(tmp_path / "saved.json")
        assert type(shown).load(tmp_path / "saved.json").labels == shown.labels
    overall.plot_comparison(text, "pop").savefig(tmp_path / "plot.png")
    assert text in overall.group(n_segments=1).top(9, text)["source"].tolist()
    assert overall.pick(1)["label"].iloc[0] in (text, "pop")


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
    names = [label["name"] for label in data["labels"]]
    assert names == ["wild", "calm", "wild rather than calm"]
    weights = [*explanation.weights, explanation.weights[0] - explanation.weights[1]]
    for index, label in enumerate(data["labels"]):
        np.testing.assert_allclose(label["weights"], weights[index], atol=1e-9)
    assert data["components"] == readable_names(explanation.components)
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
        section = page.locator(f'details.class[data-name="{label}"]')
        top = overall.top(12, label, method=method, modality="lyrics")
        names = section.locator(".inside > div:last-child .bar .name").all_text_contents()
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
    nothing = page.locator('details[data-name="a"] .cell').nth(1)
    unknown = page.locator('details[data-name="b"] .cell').nth(1)
    assert nothing.get_attribute("title") == "drums1: 0.00"
    assert unknown.get_attribute("title") == "drums1: not known"
    images = [e.evaluate("(e) => getComputedStyle(e).backgroundImage") for e in (unknown, nothing)]
    assert ["gradient" in image for image in images] == [True, False]
    assert unknown.evaluate("(e) => e.style.backgroundColor") == ""
    assert nothing.evaluate("(e) => e.style.backgroundColor") != ""
    page.select_option("#first", label="b")
    page.select_option("#second", label="b")
    assert not page.locator("#alone-hint").is_visible()


@pytest.mark.parametrize("method", ["average", "lime"])
def test_differences_have_their_intervals(method, overall, opened, tmp_path):
    page = opened(overall, tmp_path / "global.html")
    page.select_option("#method", value=method)
    for first, second in (("calm", "wild"), ("wild", "calm")):
        page.select_option("#first", label=first)
        page.select_option("#second", label=second)
        expected = overall.compare(first, second, method=method).dropna(subset=["low"])
        rows = {
            row.locator(".name").text_content(): row.locator(".axis")
            for row in page.locator("#comparison .bar").all()
        }
        top = expected[expected["component"].isin(rows)].iloc[0]
        axis = rows[top["component"]]
        half = axis.bounding_box()["width"] * 0.48
        zero = axis.locator(".zero").bounding_box()["x"]
        bar, error = (axis.locator(part).bounding_box() for part in (".value", ".error"))
        scale = bar["width"] / abs(top["difference"])
        assert error["x"] - zero == pytest.approx(max(top["low"] * scale, -half), abs=2)
        end = error["x"] + error["width"] - zero
        assert end == pytest.approx(min(top["high"] * scale, half), abs=2)
    # For and against have their colours; what is neither has none.
    assert "more important for wild" in page.locator("#apart-hint").text_content()
    red, blue = background(page, page.locator("#comparison .value").first)
    assert red == pytest.approx(blue, abs=10)


def test_interactions_over_songs_are_shown(opened, tmp_path):
    explanations = [
        replace(one("love me", pairs=[(1, 2)]), row=row, track_id=row) for row in range(6)
    ]
    for row, explanation in enumerate(explanations):
        explanation.interaction_terms.weights[:] += 0.01 * row
    overall = GlobalExplanation.from_local(explanations)
    (expected,) = overall.interactions("pop").itertuples()
    page = opened(overall, tmp_path / "global.html")
    bar = page.locator(".interactions .bar")
    assert bar.locator(".name").text_content() == f"{expected.first} × {expected.second}"
    assert bar.locator(".number").text_content() == f"{expected.weight:.3g}0"[:4]


def test_fifty_classes_are_searched_sorted_and_folded(opened, tmp_path):
    explanations = [
        replace(
            one("love", label=f"class {i:02}"), row=i, track_id=i, shares=np.array([[s, 1 - s, 0]])
        )
        for i in range(50)
        for s in [((7 * i) % 50) / 50]
    ]
    overall = GlobalExplanation.from_local([*explanations, replace(explanations[20], row=50)])
    page = opened(overall, tmp_path / "global.html")
    page.set_viewport_size({"width": 1440, "height": 900})
    names = page.locator(".class:not([hidden]) > summary .name")
    assert page.locator(".class[open]").count() == 0
    assert page.evaluate("document.documentElement.scrollHeight") <= 4 * 900
    assert names.first.text_content() == "class 20"  # that of two songs
    page.select_option("#sort", "name")
    assert names.all_text_contents() == [f"class {i:02}" for i in range(50)]
    page.select_option("#sort", "audio")
    assert names.first.text_content() == "class 07"  # 49 / 50
    page.locator("#search").fill("Class 3")
    assert sorted(names.all_text_contents()) == [f"class {i}" for i in range(30, 40)]
    assert page.locator("#n-found").text_content() == "10 of 50"
    page.locator("#unfold").click()
    assert page.locator(".class[open]").count() == 10
    page.locator("#fold").click()
    page.locator("#search").fill("class 07")
    page.locator(".class:not([hidden]) > summary").click()
    assert page.locator(".class[open] .bar .name").first.text_content() == "love"


def test_a_class_links_to_its_songs(overall, opened, tmp_path):
    page = opened(overall, tmp_path / "global.html")
    picked = overall.pick(5)
    for label in overall.labels:
        links = page.locator(f'details[data-name="{label}"] .songs a')
        expected = picked["title"][picked["label"] == label].tolist()
        assert links.all_text_contents() == expected


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
    for place in ("h1", ".class .name", ".bar .name", ".lane .name", "#picked", "ul li"):
        found = page.locator(place).all_text_contents()
        assert any(shown[:20] in other for other in found), place
    assert page.evaluate("window.ran") is None
    assert page.locator("img, iframe, object").count() == 0


def test_a_page_of_totals(opened, tmp_path):
    overall = GlobalExplanation.from_totals({"a": {"drums0": (1.0, 2), "love": (2.0, 1)}})
    page = opened(overall, tmp_path / "global.html")
    assert page.locator(".bar .name").all_text_contents() == ["love"]
    assert not page.locator("#finding").is_visible()
    assert page.locator("#picked").count() == 0
    assert page.locator("#comparison").count() == 0


@pytest.mark.parametrize("width", [320, 390])
def test_nothing_sticks_out_of_a_narrow_screen(width, explanation, overall, browser, tmp_path):
    page = browser.new_context(viewport={"width": width, "height": 700}).new_page()
    for shown in (explanation, overall, one("x" * 500, title="y" * 500, label="z" * 500)):
        page.goto(shown.to_html(tmp_path / "page.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@pytest.mark.slow
def test_pages_of_two_versions_open_without_a_complaint(made_songs, opened, tmp_path):
    X, y, _, _ = made_songs
    old = demo_model().fit(X, y)
    new = demo_model().fit(X, np.where(X["lyrics"].str.contains("silver"), "wild", y))
    settings = MusicLimeExplainer(old, n_samples=(60, 60), random_state=0)
    compared = explain_difference(old, new, X[:3], "all", explainer=settings)
    page = opened(compared, tmp_path / "all.html", n_songs=1)
    assert page.locator("table").count() == len(compared.labels) == 2
    assert page.locator("ul .bar").count() > 0
    page = opened(compared.explanations[0], tmp_path / "one.html")
    assert page.locator("#label option").count() == 6
    page.locator("#label").select_option("2")
    assert page.locator("#question strong").text_content().startswith("calm: old")


def test_a_contrast_can_be_chosen(explanation, opened, tmp_path):
    page = opened(explanation, tmp_path / "page.html")
    page.locator("#label").select_option("2")
    assert page.locator("#question").text_content().startswith("Why wild rather than calm (")
    assert page.locator(".score.explained").count() == 2
