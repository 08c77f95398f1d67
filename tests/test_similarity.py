"""Models of two towers: similarities are cosines, and explanations those of the plain function."""

import copy
import pickle
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from black_boxes import assert_as_black_box, explained
from conftest import song_array
from scipy.spatial.distance import cosine
from scipy.special import softmax
from sklearn.base import BaseEstimator, TransformerMixin, clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_musiclime import (
    InvalidSongError,
    MusicLimeExplainer,
    SimilarityModel,
    SpectralStatistics,
    UniformSegmenter,
)
from sklearn_musiclime._runtime.fingerprint import fingerprint
from sklearn_musiclime.neighbourhood import PerturbedAudio, find_sampling_rate

VOCABULARY = ("fire", "night", "love", "river", "the", "and")
PROMPTS = ["fire in the night", "the river of love"]
FEW = {"separator": None, "segmenter": UniformSegmenter(3), "lyric_units": "lines"}
CALLS = Counter()


def hear(waveforms):
    """Levels of six parts of the song, and of its changes."""
    CALLS["audio"] += len(waveforms)
    parts = [np.array_split(np.diff(w), 6) for w in waveforms]
    return np.array([[np.std(part) for part in song] for song in parts])


def read(texts):
    CALLS["texts"] += len(texts)
    return np.array([[text.split().count(word) for word in VOCABULARY] for text in texts], float)


class Projection(TransformerMixin, BaseEstimator):
    is_cheap = True

    def fit(self, X, y):
        self.ridge_ = Ridge(10.0).fit(X, y)
        return self

    def transform(self, X):
        return self.ridge_.predict(X)


@pytest.fixture(scope="module")
def songs(made_songs):
    return made_songs[0][["audio", "lyrics"]]


@pytest.fixture(scope="module")
def towers(songs):
    """A pipeline that has a table of frames, and its text tower."""
    words = TfidfVectorizer().fit(songs["lyrics"])
    listener = make_pipeline(SpectralStatistics(), StandardScaler(), Projection())
    return listener.fit(songs["audio"], words.transform(songs["lyrics"]).toarray()), words


def waveforms(songs):
    return [cell["array"] for cell in songs["audio"]]


# --- scores ---


def test_scores_are_cosines(songs):
    audio, texts = hear(waveforms(songs)), read(songs["lyrics"])
    expected = [1 - cosine(a, t) if t.any() else 0.0 for a, t in zip(audio, texts, strict=True)]
    found = SimilarityModel(hear, read).fit(songs).predict(songs)
    np.testing.assert_allclose(found, expected, atol=1e-12)

    cosines = [[1 - cosine(a, p) for p in read(PROMPTS)] for a in audio]
    named = SimilarityModel(hear, read, prompts=PROMPTS).fit().predict(songs[["audio"]])
    assert list(named) == PROMPTS
    assert named.index.equals(songs.index)
    np.testing.assert_allclose(named, cosines, atol=1e-12)

    zero_shot = SimilarityModel(hear, read, prompts=PROMPTS, output="probability", logit_scale=9.0)
    probabilities = zero_shot.fit().predict_proba(songs)
    np.testing.assert_allclose(probabilities, softmax(9 * np.array(cosines), axis=1), atol=1e-12)
    best = np.array(PROMPTS)[np.argmax(cosines, axis=1)]
    assert zero_shot.predict(songs).tolist() == best.tolist()

    weighted = SimilarityModel(hear, read, prompts=PROMPTS, lyrics_weight=0.25).fit().predict(songs)
    for row in range(4):
        parts = [v / (np.linalg.norm(v) or 1) for v in (audio[row], texts[row])]
        joined = 0.75 * parts[0] + 0.25 * parts[1]
        wanted = [1 - cosine(joined, p) for p in read(PROMPTS)]
        np.testing.assert_allclose(weighted.iloc[row], wanted, atol=1e-12)


def test_what_scikit_learn_takes_it_for():
    assert is_regressor(SimilarityModel(hear, read))
    assert is_regressor(SimilarityModel(hear, read, prompts=PROMPTS))
    zero_shot = SimilarityModel(hear, read, prompts=PROMPTS, output="probability")
    assert is_classifier(zero_shot)
    assert not hasattr(SimilarityModel(hear, read, prompts=PROMPTS), "predict_proba")
    assert zero_shot.fit().classes_.tolist() == PROMPTS


def test_towers_of_all_kinds_say_the_same(songs):
    torch = pytest.importorskip("torch", reason="needs the extra deep")

    class Hearing(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.turn = torch.nn.Linear(4, 6)
            self.drop = torch.nn.Dropout()
            self.transform = torch.nn.Identity()  # which makes it no transformer
            self.shapes = []

        def forward(self, x):
            self.shapes.append(tuple(x.shape))
            parts = [part.std(dim=1) for part in x.tensor_split(4, dim=1)]
            return self.drop(self.turn(torch.stack(parts, dim=1)))

    class Reading(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.words = torch.nn.EmbeddingBag(10, 6, mode="sum")

        def forward(self, ids, mask):
            return self.words(ids, per_sample_weights=mask)

    def tokenizer(texts):
        ids = torch.tensor([[len(word) % 10 for word in text.split()[:5]] for text in texts])
        return {"ids": ids, "mask": torch.ones(ids.shape)}

    torch.manual_seed(0)
    hearing, reading = Hearing(), Reading()
    cells = songs["audio"].tolist()
    cells[1] = cells[1]["array"][:9000]  # of another length
    X = songs.assign(audio=cells)
    model = SimilarityModel(hearing, reading, tokenizer=tokenizer, batch_size=5)
    found = model.fit(X).predict(X)
    assert hearing.training  # as it was
    assert max(hearing.shapes) <= (5, len(cells[0]["array"]))
    assert (1, 9000) in hearing.shapes

    def by_hand(batch):
        with torch.no_grad():
            rows = [hearing.eval()(torch.from_numpy(w)[None]) for w in batch]
        return torch.cat(rows)

    def by_words(texts):
        with torch.no_grad():
            return reading.eval()(**tokenizer(texts)).numpy()

    class Tower(BaseEstimator):  # nothing to fit
        def transform(self, column):
            return by_words(list(column))

    for texts in (by_words, Tower()):
        np.testing.assert_allclose(
            SimilarityModel(by_hand, texts).fit().predict(X), found, atol=1e-6
        )


def test_silence_and_words_that_mean_nothing_are_like_nothing(songs):
    y = waveforms(songs)[0]
    X = song_array((0 * y, "fire"), (y, "unheard"), (0 * y, ""), (y, "fire"))
    scores = SimilarityModel(hear, read).fit(X).predict(X)
    assert scores[:3].tolist() == [0, 0, 0]
    assert scores[3] > 0.1
    prompted = SimilarityModel(hear, read, prompts=["unheard", "fire"]).fit().predict(X).to_numpy()
    assert prompted[[0, 2]].tolist() == [[0, 0], [0, 0]]
    assert prompted[1, 0] == 0


def test_functions_get_the_rate_that_was_asked_for(songs):
    heard = []

    def listen(batch):
        heard.extend(len(w) for w in batch)
        return hear(batch)

    model = SimilarityModel(listen, read, sampling_rate=8000).fit(songs)
    assert find_sampling_rate(model) == 8000
    model.predict(songs[:2])
    assert heard == [16000, 16000]
    assert MusicLimeExplainer(model).fit(songs).sampling_rate_ == 8000


# --- explanations ---


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"prompts": PROMPTS},
        {"prompts": PROMPTS, "output": "probability", "logit_scale": 5.0},
        {"prompts": PROMPTS, "lyrics_weight": 0.5},
    ],
)
def test_explained_as_the_plain_function(songs, parameters):
    assert_as_black_box(SimilarityModel(hear, read, **parameters).fit(), songs[:1], **FEW)


def test_a_pipeline_is_explained_as_the_plain_function(songs, towers):
    """Up to the rounding of its table of frames."""
    model = SimilarityModel(*towers).fit()
    options = {"design": "paired", "n_samples": 100, **FEW}
    ours, theirs = (explained(m, songs, **options) for m in (FrozenEstimator(model), model.predict))
    assert ours.settings["model"] == "factored"
    assert theirs.settings["model"].startswith("black box")
    scale = np.abs(theirs.weights).max()
    np.testing.assert_allclose(ours.weights, theirs.weights, atol=1e-5 * scale)


def test_each_half_is_encoded_once(songs):
    CALLS.clear()
    explanation = explained(SimilarityModel(hear, read), songs, n_samples=(30, 20))
    assert explanation.settings["n_combinations"] > 30 * 20
    # Beside the masks: the corners, the song itself and its row.
    assert 30 <= CALLS["audio"] <= 36
    assert 20 <= CALLS["texts"] <= 26


def test_the_table_of_frames_serves_thousands_of_masks(songs, towers, monkeypatch):
    model = SimilarityModel(*towers).fit()
    assert model.cheap_modalities == ("audio", "lyrics")
    columns = []
    transform = SpectralStatistics.transform

    def watched(self, column):
        columns.append(getattr(column, "array", None))
        return transform(self, column)

    monkeypatch.setattr(SpectralStatistics, "transform", watched)
    explanation = explained(FrozenEstimator(model), songs, n_samples="auto", interactions=None,
                            segmenter=UniformSegmenter(10))  # fmt: skip
    assert explanation.settings["n_audio_masks"] == 2400
    perturbed = [column for column in columns if isinstance(column, PerturbedAudio)]
    assert sum(map(len, perturbed)) >= 2400
    assert all(column.neighbourhood.composed == [] for column in perturbed)
    assert SimilarityModel(hear, towers[1]).cheap_modalities == ("lyrics",)
    assert SimilarityModel(towers[0], read, prompts=PROMPTS).cheap_modalities == ("audio", "lyrics")


def test_all_interactions_are_those_of_all_masks(songs):
    """The crossed grid of all masks has what a model of every combination has."""
    X = song_array((waveforms(songs)[0], "fire in the night and love"))
    options = {"separator": None, "segmenter": UniformSegmenter(4), "random_state": 0}
    model = SimilarityModel(hear, read)
    crossed = MusicLimeExplainer(model, n_samples=64, **options).fit(X).explain(X)[0]
    assert crossed.settings["model"] == "factored"
    function = MusicLimeExplainer(
        model.fit().predict, design="exhaustive", interactions="cross", **options
    )
    whole = function.fit(X).explain(X)[0]
    pairs = ["first", "second"]
    found, expected = (
        e.interactions(fdr=None).set_index(pairs)["weight"] for e in (crossed, whole)
    )
    assert len(found) == 4 * 6
    np.testing.assert_allclose(found.loc[expected.index], expected, atol=1e-9)


def test_prompts_may_be_an_array(songs):
    listed = SimilarityModel(hear, read, prompts=PROMPTS).fit().predict(songs)
    for prompts in (np.array(PROMPTS), tuple(PROMPTS), pd.Series(PROMPTS)):
        found = SimilarityModel(hear, read, prompts=prompts).fit().predict(songs)
        pd.testing.assert_frame_equal(found, listed)


def test_prompts_are_labels(songs, towers):
    model = SimilarityModel(*towers, prompts=["love fire", "river night", "storm"])
    options = {"separator": None, "segmenter": UniformSegmenter(3), "modality": "audio"}
    explainer = MusicLimeExplainer(model, random_state=0, **options).fit(songs[["audio"]])
    one = songs[["audio"]][:1]
    all_of_them = explainer.explain(one)[0]
    assert all_of_them.labels == list(model.prompts)
    chosen = explainer.explain(one, labels=["storm"])[0]
    assert chosen.labels == ["storm"]
    np.testing.assert_allclose(chosen.weights[0], all_of_them.weights[2], atol=1e-12)
    scores = model.fit().predict(one)
    assert chosen.prediction == pytest.approx(scores.iloc[0].to_dict(), abs=1e-6)
    with pytest.raises(ValueError, match="no label 'strom'; did you mean 'storm'"):
        explainer.explain(one, labels=["strom"])

    model = clone(model).set_params(output="probability", logit_scale=20.0)
    explainer.set_params(model=model).fit(one)
    assert explainer.classes_.tolist() == list(model.prompts)
    predicted = explainer.explain(one)[0].labels
    assert predicted == model.fit().predict(one).tolist()


def test_a_query_in_a_column_of_its_own(songs):
    X = songs.rename(columns={"audio": "sound"}).assign(query="fire of love")
    model = SimilarityModel(hear, read, audio_column="sound", lyrics_column="query")
    options = {"audio_column": "sound", "lyrics_column": "query", "separator": None}
    explanation = MusicLimeExplainer(model, random_state=0, **options).fit(X).explain(X[:1])[0]
    assert explanation.components.lyrics.names == ("fire", "of", "love")
    weights = explanation.to_frame().set_index("component")["weight"]
    assert min(weights["fire"], weights["love"]) > weights["of"]


@pytest.mark.slow
def test_prompts_of_a_real_song_without_lyrics(real_path):
    song = pd.DataFrame({"audio": [str(min(real_path.glob("mp3/*.mp3")))]})
    model = SimilarityModel(hear, read, prompts=PROMPTS)
    options = {"separator": None, "modality": "audio", "n_samples": 16, "random_state": 0}
    explanation = MusicLimeExplainer(model, **options).fit(song).explain(song)[0]
    assert explanation.labels == PROMPTS
    assert np.isfinite(explanation.weights).all()
    assert explanation.weights.any()


# --- an estimator ---


def test_clones_share_the_towers_and_copies_have_their_own(songs, towers):
    model = SimilarityModel(*towers, prompts=PROMPTS).fit()
    again = clone(model)
    assert again.audio_encoder is model.audio_encoder
    assert not hasattr(again, "prompt_vectors_")
    expected = model.predict(songs)
    for other in (again.fit(), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        pd.testing.assert_frame_equal(other.predict(songs), expected)
    assert copy.deepcopy(model).audio_encoder is not model.audio_encoder


def test_kept_explanations_are_found_again(songs, towers, tmp_path, monkeypatch):
    model = SimilarityModel(*towers)
    assert fingerprint(model) == fingerprint(pickle.loads(pickle.dumps(model)))
    assert fingerprint(model) != fingerprint(clone(model).set_params(prompts=PROMPTS))
    options = {"n_samples": 20, "random_state": 0, "memory": str(tmp_path), **FEW}
    first = MusicLimeExplainer(model, **options).fit(songs).explain(songs[:1])[0]
    monkeypatch.setattr(SimilarityModel, "encode_audio", None)  # is not asked again
    second = MusicLimeExplainer(clone(model), **options).fit(songs).explain(songs[:1])[0]
    np.testing.assert_array_equal(first.weights, second.weights)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"prompts": []}, ValueError, "at least 1 prompts, got 0"),
        ({"prompts": "fire"}, ValueError, r"put it in a list: \['fire'\]"),
        ({"prompts": ["fire", 3]}, TypeError, "prompts must be texts, and number 1 is 3"),
        ({"prompts": ["fire", " "]}, ValueError, "prompt number 1 is empty"),
        ({"prompts": ["fire", "fire"]}, ValueError, "the prompt 'fire' is there twice"),
        ({"output": "cosine"}, ValueError, "output must be one of"),
        ({"output": "probability"}, ValueError, "needs prompts"),
        ({"output": "probability", "prompts": ["fire"]}, ValueError, "at least 2 prompts, got 1"),
        ({"lyrics_weight": 0.5}, ValueError, "lyrics_weight is for prompts"),
        ({"lyrics_weight": 1.0, "prompts": PROMPTS}, ValueError, r"in \[0, 1\), got 1.0"),
        ({"logit_scale": 0.0}, ValueError, "logit_scale must be above 0"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"audio_encoder": 3}, TypeError, "audio_encoder must be a function, .* got int"),
        ({"text_encoder": TfidfVectorizer()}, NotFittedError, "text_encoder is a TfidfVectorizer"),
    ],
)
def test_parameters_that_can_not_be(parameters, error, message):
    with pytest.raises(error, match=message):
        SimilarityModel(hear, read).set_params(**parameters).fit()


def test_songs_that_can_not_be(songs):
    with pytest.raises(ValueError, match="give prompts, or X a column 'lyrics'"):
        SimilarityModel(hear, read).fit(songs[["audio"]])
    with pytest.raises(ValueError, match="no column 'audio'"):
        SimilarityModel(hear, read, prompts=PROMPTS).fit(songs[["lyrics"]])
    with pytest.raises(InvalidSongError, match="row 1"):
        SimilarityModel(hear, read).fit(songs.assign(lyrics=["la", 3, *["la"] * 22]))
    with pytest.raises(NotFittedError):
        SimilarityModel(hear, read).predict(songs)


@pytest.mark.parametrize(
    ("towers", "message"),
    [
        ((hear, lambda texts: np.ones((len(texts), 3))), "vectors of length 6 and .* of length 3"),
        ((hear, lambda texts: np.ones(len(texts))), r"text_encoder returned .* shape \(24,\)"),
        ((lambda waves: np.ones((1, 6)), read), r"audio_encoder returned .* shape \(1, 6\)"),
        (
            (lambda waves: [[np.nan] * 6] * len(waves), read),
            "audio_encoder returned NaN .* 24 of 24",
        ),
        ((lambda waves: [["a"] * 6] * len(waves), read), "audio_encoder returned a list .* <U1"),
    ],
)
def test_towers_that_do_not_fit(songs, towers, message):
    with pytest.raises(ValueError, match=message):
        SimilarityModel(*towers).fit(songs).predict(songs)
    with pytest.raises(ValueError, match=message.partition(" .* 24")[0].replace("24", "1")):
        explained(SimilarityModel(*towers), songs)


# --- CLAP ---


@pytest.fixture(scope="module")
def clap(tmp_path_factory):
    """A folder of a CLAP without training, the model and its processor."""
    tiny_models = pytest.importorskip("tiny_models", reason="needs the extra deep")
    transformers = pytest.importorskip("transformers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        folder = tiny_models.clap(tmp_path_factory.mktemp("clap"), with_texts=True)
        model = transformers.ClapModel.from_pretrained(folder).eval()
        yield folder, model, transformers.ClapProcessor.from_pretrained(folder)


@pytest.fixture(scope="module")
def noises():
    rng = np.random.default_rng(0)
    shape = np.linspace(0, 1, 48000)
    cells = [
        {"array": (rng.normal(0, 0.1, 48000) * wave).astype(np.float32), "sampling_rate": 48000}
        for wave in (shape, shape[::-1], np.sin(90 * shape))
    ]
    texts = ["fire in the night", "river and tears", "storm"]
    return pd.DataFrame({"audio": cells, "lyrics": texts})


def test_clap_says_what_transformers_says(clap, noises):
    import torch

    folder, network, processor = clap
    inputs = processor(
        text=noises["lyrics"].tolist(), audio=[cell["array"] for cell in noises["audio"]],
        sampling_rate=48000, return_tensors="pt", padding=True,
    )  # fmt: skip
    with torch.inference_mode():
        expected = network(**inputs)
    cosines = (expected.audio_embeds @ expected.text_embeds.T).numpy()
    for model in (network, str(folder)):
        own = SimilarityModel.from_clap(model, processor).fit(noises)
        np.testing.assert_allclose(own.predict(noises), np.diag(cosines), atol=1e-5)
    prompts = noises["lyrics"].tolist()
    zero_shot = SimilarityModel.from_clap(folder, prompts=prompts, output="probability").fit()
    probabilities = expected.logits_per_audio.softmax(dim=-1).numpy()
    np.testing.assert_allclose(zero_shot.predict_proba(noises), probabilities, atol=1e-5)
    assert find_sampling_rate(zero_shot) == 48000


def test_clap_reads_long_texts_whole(clap, noises):
    _, network, processor = clap
    long = " ".join(["fire and river in the night"] * 12)
    model = SimilarityModel.from_clap(network, processor, prompts=[long, "storm"]).fit()
    assert np.isfinite(model.prompt_vectors_).all()
    half = long[: len(long) // 2]
    short = SimilarityModel.from_clap(network, processor, prompts=[half, "storm"]).fit()
    assert np.abs(short.prompt_vectors_[0] - model.prompt_vectors_[0]).max() > 1e-6
    with pytest.warns(UserWarning, match="texts are longer than the 30 tokens"):
        SimilarityModel.from_clap(network, processor, long="truncate", prompts=[long]).fit()


def test_clap_of_no_texts_is_an_empty_array(clap, noises):
    _, network, processor = clap
    model = SimilarityModel.from_clap(network, processor).fit(noises)
    assert model.text_encoder.transform([]).shape == (0, network.config.projection_dim)


def test_clap_of_a_name_is_not_pickled(clap, noises):
    folder, network, processor = clap
    named = SimilarityModel.from_clap(folder, prompts=["storm"]).fit()
    held = SimilarityModel.from_clap(network, processor, prompts=["storm"]).fit()
    sizes = [len(pickle.dumps(model)) for model in (named, held)]
    assert sizes[0] < sizes[1] / 2
    expected = held.predict(noises)
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(named)).predict(noises), expected)
    network.name_or_path, path = "", network.name_or_path
    with pytest.raises(ValueError, match="give its processor too"):
        SimilarityModel.from_clap(network)
    network.name_or_path = path


@pytest.mark.slow
def test_clap_is_explained_as_the_plain_function(clap, noises):
    _, network, processor = clap
    model = SimilarityModel.from_clap(network, processor).fit(noises)
    options = {"separator": None, "segmenter": UniformSegmenter(3), "interactions": None}
    assert_as_black_box(model, noises, n_samples=24, **options)
