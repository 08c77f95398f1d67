"""TransformerFusionClassifier: by hand with transformers' classes, and on a rule of both columns.

Over 400 lines since the small pretrained models are made once for all of it.
"""

import json
import pickle
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import song_array
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV

from sklearn_musiclime import (
    AudioEmbedder,
    InvalidSongError,
    MusicLimeExplainer,
    StemSeparator,
    TransformerFusionClassifier,
    UniformSegmenter,
)
from sklearn_musiclime._runtime.fingerprint import fingerprint
from sklearn_musiclime.cli import main
from sklearn_musiclime.datasets import make_songs, save_songs
from sklearn_musiclime.fusion import compare_modalities

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tiny_models = pytest.importorskip("tiny_models")

RATE = 16_000
N_CLASSES = 3
FUSIONS = ["concat", "gated", "cross_attention"]


@pytest.fixture(scope="module", autouse=True)
def _settings():
    """Offline; and one thread, which is faster than two for models of next to no size."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = tmp_path_factory.mktemp
    return {
        "ast": tiny_models.ast(made("ast"), 100, 16, hidden_dropout_prob=0.1),
        "wav2vec2": tiny_models.wav2vec2(made("wav2vec2")),
        "clap": tiny_models.clap(made("clap")),
        "roberta": tiny_models.roberta(made("roberta")),
        # Weights so large that even without training a text's first token tells it from others.
        "loud": tiny_models.roberta(made("loud"), initializer_range=0.5),
    }


@pytest.fixture(scope="module")
def songs():
    """Songs of up to 2.5 s, some of them longer than AST hears, and lyrics that are long, too."""
    rng = np.random.default_rng(0)
    lengths = [16_000, 40_000, 9_000, 16_000, 24_000, 16_000, 400, 16_000, 16_000]
    waveforms = [rng.normal(0, 0.1, n).astype(np.float32) for n in lengths]
    words = ["fire", "river", "storm"]  # a class each
    lyrics = [
        f"{words[i % 3]} on the road " * n for i, n in enumerate([3, 50, 5, 20, 30, 1, 8, 40])
    ]
    cells = [{"array": waveform, "sampling_rate": RATE} for waveform in waveforms]
    return pd.DataFrame({"audio": cells, "lyrics": [*lyrics, ""]})


CLASSES = np.array(["folk", "metal", "pop"] * 3)


def classifier(folders, audio="ast", lyrics="roberta", **parameters):
    parameters = {"n_epochs": 2, "learning_rate": 1e-3, "random_state": 0} | parameters
    return TransformerFusionClassifier(folders[audio], folders[lyrics], **parameters)


@pytest.fixture(scope="module")
def fitted(folders, songs):
    return classifier(folders).fit(songs, CLASSES)


def logits_by_hand(network, extractor, tokenizer, waveform, text):
    """A short song through the parts of the authors' network."""
    inputs = extractor(waveform, sampling_rate=RATE, return_tensors="pt")
    tokens = tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        audio = network.audio_model(**inputs).pooler_output
        text = network.text_model(**tokens).last_hidden_state[:, 0]
        both = network.classifier.layer_norm(torch.cat([audio, text], dim=1))
        return network.classifier.fc(both)[0]


def test_the_paper_s_architecture(fitted, songs):
    parts = (fitted.network_, fitted.feature_extractor_, fitted.tokenizer_)
    rows = [row for row in range(len(songs)) if len(songs["lyrics"][row]) < 200]
    assert len(rows) >= 2
    for row in rows:
        waveform = songs["audio"][row]["array"]
        if not 1600 <= len(waveform) <= 16_000:
            continue
        logits = logits_by_hand(*parts, waveform, songs["lyrics"][row])
        expected = torch.softmax(logits.double(), dim=0).numpy()
        found = fitted.predict_proba(songs[row : row + 1])[0]
        np.testing.assert_allclose(found, expected, atol=1e-6)
    probabilities = fitted.predict_proba(songs)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    predicted = fitted.classes_[probabilities.argmax(axis=1)]
    np.testing.assert_array_equal(fitted.predict(songs), predicted)


@pytest.mark.slow
@pytest.mark.parametrize("audio", ["ast", "wav2vec2", "clap"])
@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("freeze", [False, True])
def test_training_learns_what_it_saw(folders, songs, audio, fusion, freeze):
    """Nine songs by heart, whatever is put together how; frozen encoders stay as they were."""
    lyrics = "loud" if freeze else "roberta"
    model = classifier(
        folders,
        audio,
        lyrics,
        fusion=fusion,
        freeze=freeze,
        n_epochs=40,
        learning_rate=2e-3,
        head_learning_rate=2e-2 if freeze else 2e-3,
        batch_size=3,
    )
    model.fit(songs, CLASSES)
    assert model.history_[-1]["loss"] < 0.7 * model.history_[0]["loss"]
    assert (model.predict(songs) == CLASSES).mean() > 0.6
    fresh = transformers.AutoModel.from_pretrained(folders[lyrics])
    same = torch.equal(
        fresh.embeddings.word_embeddings.weight,
        model.network_.text_model.embeddings.word_embeddings.weight,
    )
    assert same == freeze


def test_frozen_encoders_run_once(folders, songs, monkeypatch):
    """However many epochs."""
    n_texts = []
    forward = transformers.RobertaModel.forward

    def counting(self, input_ids=None, **kwargs):
        n_texts.append(len(input_ids))
        return forward(self, input_ids=input_ids, **kwargs)

    monkeypatch.setattr(transformers.RobertaModel, "forward", counting)
    for n_epochs in (1, 10):
        n_texts.clear()
        classifier(folders, freeze=True, n_epochs=n_epochs).fit(songs.assign(lyrics="la"), CLASSES)
        assert sum(n_texts) == 2  # the one text, and one that tells the size of vectors


@pytest.mark.parametrize("modality", ["audio", "lyrics"])
def test_one_modality(folders, songs, modality):
    """The other's encoder is not there, and its column need not be."""
    model = classifier(folders, modality=modality).fit(songs[[modality]], CLASSES)
    missing = {"audio": "text_model", "lyrics": "audio_model"}[modality]
    assert getattr(model.network_, missing) is None
    probabilities = model.predict_proba(songs[[modality]])
    other = songs.assign(**{m: songs[m][::-1].values for m in ("audio", "lyrics") if m != modality})
    np.testing.assert_array_equal(model.predict_proba(other), probabilities)
    audio, lyrics = model.encode_audio(songs["audio"]), model.encode_lyrics(songs["lyrics"])
    assert min(audio.shape[1], lyrics.shape[1]) == 0
    np.testing.assert_allclose(model.predict_encoded(audio, lyrics), probabilities, atol=1e-7)
    with pytest.raises(ValueError, match="no column"):
        model.predict(songs[["lyrics" if modality == "audio" else "audio"]])
    explainer = MusicLimeExplainer(
        FrozenEstimator(model), modality=modality, n_samples=20, random_state=0
    )
    explanation = explainer.fit(songs[[modality]]).explain(songs[[modality]][:1])[0]
    assert explanation.settings["model"] == "factored"


def test_the_same_seed_the_same_weights(folders, songs):
    one, two, other = (
        classifier(folders, random_state=seed).fit(songs, CLASSES).predict_proba(songs)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - other).max() > 1e-3
    state = torch.get_rng_state()
    classifier(folders).fit(songs, CLASSES)
    assert torch.equal(torch.get_rng_state(), state)  # chance elsewhere is left alone


def test_an_instance_is_left_as_it_was(folders, songs):
    ast = transformers.AutoModel.from_pretrained(folders["ast"])
    before = [parameter.clone() for parameter in ast.parameters()]
    model = TransformerFusionClassifier(
        ast, folders["roberta"], n_epochs=1, learning_rate=1e-2, random_state=0
    ).fit(songs, CLASSES)
    assert all(map(torch.equal, ast.parameters(), before))
    assert not all(map(torch.equal, model.network_.audio_model.parameters(), before))


def test_warm_start_goes_on(folders, songs):
    model = classifier(folders, warm_start=True, n_epochs=12, learning_rate=3e-4).fit(
        songs, CLASSES
    )
    first = model.history_[0]["loss"]
    model.fit(songs, CLASSES)
    assert model.history_[0]["loss"] < first
    with pytest.raises(ValueError, match="warm_start with classes"):
        model.fit(songs, ["a", "b", "c"] * 3)


def test_early_stopping_keeps_the_best(folders, songs):
    """Classes that are chance: the loss of songs held out soon rises."""
    many = pd.concat([songs] * 6, ignore_index=True)
    rng = np.random.default_rng(0)
    y = rng.permutation(np.tile(CLASSES, 6))
    model = classifier(
        folders,
        early_stopping=True,
        validation_fraction=0.25,
        n_epochs=60,
        n_iter_no_change=2,
        learning_rate=5e-3,
        long="truncate",
    )
    with pytest.warns(UserWarning, match="truncated"):
        model.fit(many, y)
    losses = [epoch["validation_loss"] for epoch in model.history_]
    assert model.n_iter_ < 60
    assert np.argmin(losses) == len(losses) - 3
    assert {"loss", "validation_loss", "validation_accuracy"} == set(model.history_[0])


def test_class_and_sample_weights(folders, songs):
    """What weighs nothing is not learnt; classes weigh as they are said to."""
    y = np.array(["folk"] * 6 + ["metal"] * 3)
    ignored = classifier(folders, n_epochs=8).fit(
        songs, y, sample_weight=np.r_[np.ones(6), [0] * 3]
    )
    assert (ignored.predict(songs) == "folk").all()
    plain, weighted = (
        classifier(folders, n_epochs=1, class_weight=w).fit(songs, y).predict_proba(songs)[:, 1]
        for w in (None, {"folk": 0.01, "metal": 1.0})
    )
    assert weighted.mean() > plain.mean()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scale", "early_stopping"), [(1, False), (1, True), (1e-60, True), (1e60, False)]
)
def test_songs_of_weight_zero_are_not_trained_on(scale, early_stopping, folders, songs):
    """Not even as a batch of their own, whose mean loss would be none."""
    weight = scale * np.array([1.0, 1.0, 0.0] * 3)
    parameters = {"batch_size": 1, "early_stopping": early_stopping, "validation_fraction": 0.4}
    model = classifier(folders, **parameters).fit(songs, CLASSES, sample_weight=weight)
    assert np.isfinite(model.predict_proba(songs)).all()
    assert all(np.isfinite(list(epoch.values())).all() for epoch in model.history_)
    classes = {"folk": scale, "metal": scale, "pop": 0}
    again = classifier(folders, class_weight=classes, **parameters).fit(songs, CLASSES)
    np.testing.assert_array_equal(again.predict_proba(songs), model.predict_proba(songs))


@pytest.mark.parametrize(
    ("sample_weight", "class_weight", "cause"),
    [
        (np.zeros(9), None, "every song has weight 0|at least one non-zero"),  # scikit-learn's own
        ([1, 0, 0] * 3, {"folk": 0}, "every song has weight 0"),
        ([1] * 8 + [-1], None, "Negative values"),
        ([1] * 8 + [np.nan], None, "NaN"),
        ([1] * 8 + [np.inf], None, "infinity"),
        (None, {"folk": -1}, "class_weight must be finite and at least 0"),
        (None, {"folk": np.nan}, "class_weight must be finite and at least 0"),
    ],
)
def test_weights_that_are_none(sample_weight, class_weight, cause, folders, songs):
    model = classifier(folders, class_weight=class_weight)
    with pytest.raises(ValueError, match=cause):
        model.fit(songs, CLASSES, sample_weight=sample_weight)


def test_cross_attention_is_not_factored(folders, songs):
    model = classifier(folders, fusion="cross_attention").fit(songs, CLASSES)
    assert not hasattr(model, "encode_audio")
    assert not hasattr(model, "predict_encoded")
    settings = {"n_samples": 30, "random_state": 0, "segmenter": UniformSegmenter(3)}
    explanation = (
        MusicLimeExplainer(FrozenEstimator(model), **settings).fit(songs).explain(songs[:1])
    )
    way = "black box: TransformerFusionClassifier reads whole songs"
    assert explanation[0].settings["model"] == way
    # Neither the company of other songs nor their padding changes an answer.
    alone = np.concatenate([model.predict_proba(songs[i : i + 1]) for i in range(len(songs))])
    np.testing.assert_allclose(model.predict_proba(songs), alone, atol=1e-6)


def test_factored_explanations(fitted, songs):
    """P3: as the same model says as a black box, on songs that are heard in windows, too."""
    settings = {"n_samples": 40, "random_state": 0, "design": "paired", "sampling_rate": RATE}
    settings["segmenter"] = UniformSegmenter(4)

    def black_box(X):
        return fitted.predict_proba(X)

    for row in (0, 1):
        song = songs[row : row + 1]
        factored = MusicLimeExplainer(FrozenEstimator(fitted), **settings).fit(song)
        whole = MusicLimeExplainer(black_box, **settings).fit(song)
        assert factored.sampling_rate_ == RATE
        factored, whole = factored.explain(song, "pop")[0], whole.explain(song, [2])[0]
        assert factored.settings["model"] == "factored"
        assert whole.settings["model"] == "black box: a function"
        np.testing.assert_allclose(
            factored.weights, whole.weights, atol=1e-4 * np.abs(whole.weights).max()
        )


def test_arrays_and_bad_songs(folders, songs, fitted):
    array = song_array(*zip(songs["audio"], songs["lyrics"], strict=True))
    np.testing.assert_array_equal(fitted.predict_proba(array), fitted.predict_proba(songs))
    with pytest.raises(InvalidSongError, match=r"row 2: audio: file .* does not exist"):
        classifier(folders).fit(
            songs.assign(audio=[*songs["audio"][:2], *["none.wav"] * 7]), CLASSES
        )
    with pytest.raises(ValueError, match="one class only"):
        classifier(folders).fit(songs, ["pop"] * 9)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        classifier(folders).fit(songs, CLASSES[:8])


@pytest.mark.parametrize(
    "parameters",
    [
        {"fusion": "sum"},
        {"modality": "all"},
        {"long": "cut"},
        {"n_epochs": 0},
        {"batch_size": 0},
        {"validation_fraction": 1.0, "early_stopping": True},
    ],
)
def test_parameters(folders, songs, parameters):
    with pytest.raises(ValueError, match=f"{next(iter(parameters))} must be"):
        classifier(folders, **parameters).fit(songs, CLASSES)


# --- files ---


@pytest.mark.slow
@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("audio", ["ast", "wav2vec2"])
def test_save_and_load(folders, songs, tmp_path, fusion, audio):
    model = classifier(
        folders, audio, fusion=fusion, class_weight={"folk": 2.0, "metal": 1.0, "pop": 1.0}
    ).fit(songs, CLASSES)
    model.save(tmp_path)
    again = TransformerFusionClassifier.load(tmp_path)
    np.testing.assert_array_equal(again.predict_proba(songs), model.predict_proba(songs))
    np.testing.assert_array_equal(again.predict(songs), model.predict(songs))
    assert again.class_weight == model.class_weight
    assert again.history_ == model.history_
    assert list(again.feature_names_in_) == ["audio", "lyrics"]
    suffixes = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert suffixes <= {".json", ".safetensors", ".txt", ".jinja"}
    # Half of it is a model of its own.
    encoded = AudioEmbedder(tmp_path / "audio").fit_transform(songs["audio"])
    assert encoded.shape == (9, 32)


@pytest.mark.parametrize("modality", ["audio", "lyrics"])
def test_save_and_load_one_modality(folders, songs, tmp_path, modality):
    model = classifier(folders, modality=modality).fit(songs, np.arange(9) % 2)
    model.save(tmp_path)
    again = TransformerFusionClassifier.load(tmp_path)
    assert again.classes_.dtype == model.classes_.dtype
    np.testing.assert_array_equal(again.predict_proba(songs), model.predict_proba(songs))


def test_files_that_are_wrong(fitted, tmp_path):
    fitted.save(tmp_path)
    path = tmp_path / "classifier.safetensors"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ValueError, match="no file of weights"):
        TransformerFusionClassifier.load(tmp_path)
    fitted.save(tmp_path)
    config = tmp_path / "audio" / "config.json"
    for n_layers, cause in ((3, "missing: audio_model"), (10**6, r"1e\+06 layers for")):
        changed = json.loads(config.read_text()) | {"num_hidden_layers": n_layers}
        config.write_text(json.dumps(changed))
        with pytest.raises(ValueError, match=cause):
            TransformerFusionClassifier.load(tmp_path)
    (tmp_path / "lyrics" / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ValueError, match="is code or asks for it"):
        TransformerFusionClassifier.load(tmp_path)
    (tmp_path / "lyrics" / "pytorch_model.bin").unlink()
    fitted.save(tmp_path)
    document = json.loads((tmp_path / "classifier.json").read_text())
    (tmp_path / "classifier.json").write_text(json.dumps(document | {"classes": ["a", "a", "b"]}))
    with pytest.raises(ValueError, match="not a list of different names"):
        TransformerFusionClassifier.load(tmp_path)
    document = json.loads((tmp_path / "classifier.json").read_text())
    (tmp_path / "classifier.json").write_text(json.dumps(document | {"format": 99}))
    with pytest.raises(ValueError, match="format 99"):
        TransformerFusionClassifier.load(tmp_path)
    with pytest.raises(OSError, match=r"classifier\.json"):
        TransformerFusionClassifier.load(tmp_path / "none")


def test_pickle_clone_and_hash(folders, songs, fitted):
    expected = fitted.predict_proba(songs)
    key = fingerprint(fitted)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(songs), expected)
    assert fingerprint(again) == fingerprint(fitted) == key
    refitted = clone(fitted).fit(songs, CLASSES)
    np.testing.assert_array_equal(refitted.predict_proba(songs), expected)


@pytest.mark.long
def test_grid_search(folders, songs):
    search = GridSearchCV(
        classifier(folders, n_epochs=1),
        {"fusion": ["concat", "gated"], "modality": ["both", "lyrics"]},
        cv=3,
        n_jobs=2,
        error_score="raise",
    ).fit(songs, CLASSES)
    assert len(search.cv_results_["params"]) == 4


def test_the_command_line_takes_a_folder(fitted, songs, tmp_path, capsys):
    fitted.save(tmp_path / "model")
    soundfile.write(tmp_path / "song.wav", songs["audio"][0]["array"], RATE)
    (tmp_path / "song.txt").write_text(songs["lyrics"][0])
    files = {"model": "model", "audio": "song.wav", "lyrics": "song.txt", "out": "why"}
    known = [f"--{name}={tmp_path / file}" for name, file in files.items()]
    assert main(["explain", *known, "--separator=none", "--n-samples=20"]) == 0
    assert "mix, 0:00" in (tmp_path / "why" / "explanation.html").read_text()
    assert list((tmp_path / "why").glob("*.json"))
    capsys.readouterr()


# --- the authors' weights ---


def authors_state(folders, n_classes=N_CLASSES, pooler=True):
    """A state dict as their network saves it, with the names of weights that transformers 4 had."""
    import safetensors.torch

    state = {}
    for prefix, kind in (("audio_model", "ast"), ("text_model", "roberta")):
        weights = safetensors.torch.load_file(folders[kind] / "model.safetensors")
        state |= {f"{prefix}.{k}": v for k, v in weights.items() if pooler or "pooler" not in k}
    torch.manual_seed(1)
    head = {"layer_norm": torch.nn.LayerNorm(64), "fc": torch.nn.Linear(64, n_classes)}
    for name, module in head.items():
        state |= {f"classifier.{name}.{k}": v.detach() for k, v in module.state_dict().items()}
    return state


def from_checkpoint(path, folders, **parameters):
    return TransformerFusionClassifier.from_checkpoint(
        path, audio_model=folders["ast"], lyrics_model=folders["roberta"], **parameters
    )


@pytest.mark.parametrize("form", ["plain", "parallel", "wrapped", "no pooler", "safetensors"])
def test_the_authors_checkpoints(folders, songs, tmp_path, form, recwarn):
    state = authors_state(folders, pooler=form != "no pooler")
    assert "audio_model.encoder.layer.0.attention.attention.query.weight" in state
    path = tmp_path / "genre_multimodal.pt"
    if form == "safetensors":
        import safetensors.torch

        path = tmp_path / "genre.safetensors"
        safetensors.torch.save_file(state, path)
    elif form == "parallel":
        torch.save({f"module.{name}": tensor for name, tensor in state.items()}, path)
    elif form == "wrapped":
        torch.save({"epoch": 3, "model_state_dict": state}, path)
    else:
        positions = {"text_model.embeddings.position_ids": torch.arange(130)[None]}
        torch.save(state | positions, path)
    model = from_checkpoint(path, folders, classes=["folk", "metal", "pop"])
    assert model.classes_.tolist() == ["folk", "metal", "pop"]
    own = transformers.AutoModel.from_pretrained(folders["ast"]).state_dict()
    assert all(torch.equal(t, own[n]) for n, t in model.network_.audio_model.state_dict().items())
    assert torch.equal(model.network_.classifier.fc.weight, state["classifier.fc.weight"])
    ast, roberta = (transformers.AutoModel.from_pretrained(folders[k]) for k in ("ast", "roberta"))
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folders["ast"])
    waveform = songs["audio"][0]["array"]
    with torch.no_grad():
        heard = ast(**extractor(waveform, sampling_rate=RATE, return_tensors="pt")).pooler_output
        tokens = model.tokenizer_("fire", return_tensors="pt")
        both = torch.cat([heard, roberta(**tokens).last_hidden_state[:, 0]], dim=1)
        normed = torch.nn.functional.layer_norm(both, (64,))
        logits = normed @ state["classifier.fc.weight"].T + state["classifier.fc.bias"]
    found = model.predict_proba(songs[:1].assign(lyrics="fire"))
    np.testing.assert_allclose(found, torch.softmax(logits.double(), dim=1), atol=1e-6)


def test_a_broken_checkpoint_says_what_is_wrong(folders, tmp_path):
    state = authors_state(folders)
    del state["audio_model.layernorm.bias"]
    del state["classifier.layer_norm.weight"]
    state["classifier.dense.weight"] = torch.ones(2)
    state["decoder.weight"] = torch.ones(2)
    state["text_model.embeddings.word_embeddings.weight"] = torch.ones(7, 32)
    torch.save(state, tmp_path / "broken.pt")
    with pytest.raises(ValueError, match="do not fit") as caught:
        from_checkpoint(tmp_path / "broken.pt", folders)
    report = str(caught.value)
    n_tokens = len(transformers.AutoTokenizer.from_pretrained(folders["roberta"]))
    for line in (
        "missing: audio_model.layernorm.bias",
        "missing: classifier.layer_norm.weight",
        "left over: classifier.dense.weight",
        "left over: decoder.weight",
        f"of shape (7, 32) instead of ({n_tokens}, 32): text_model.embeddings.word_embeddings",
    ):
        assert line in report
    with pytest.warns(UserWarning, match=r"missing: audio_model\.layernorm\.bias"):
        model = from_checkpoint(tmp_path / "broken.pt", folders, strict=False)
    assert torch.equal(model.network_.classifier.fc.weight, state["classifier.fc.weight"])


def test_files_that_are_no_checkpoints(folders, tmp_path):
    class Harm:
        def __reduce__(self):
            return (print, ("harm",))

    torch.save({"a": Harm()}, tmp_path / "harm.pt")
    with pytest.raises(ValueError, match="no file of weights alone"):
        from_checkpoint(tmp_path / "harm.pt", folders)
    torch.save({"fc.weight": torch.ones(2)}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"no classifier\.fc\.weight"):
        from_checkpoint(tmp_path / "other.pt", folders)
    torch.save(authors_state(folders), tmp_path / "good.pt")
    with pytest.raises(ValueError, match="2 class names for 3 classes"):
        from_checkpoint(tmp_path / "good.pt", folders, classes=["a", "b"])
    with pytest.raises(FileNotFoundError, match="there is no file"):
        from_checkpoint(tmp_path / "none.pt", folders)


def test_without_the_extra(songs, monkeypatch):
    for module in ("torch", "transformers", "sentence_transformers"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"pip install sklearn-musiclime\[deep\]"):
        TransformerFusionClassifier().fit(songs, CLASSES)


# --- songs whose class takes both modalities to tell ---


@pytest.fixture(scope="module")
def planted():
    """Songs, classes and the rule; no modality of a song tells more than three of four classes."""
    songs, classes, _, truth = make_songs(
        4200, duration=1.0, sampling_rate=RATE, n_words=20, random_state=0
    )
    return songs, classes, truth


@pytest.mark.long
def test_what_takes_both_is_learnt_and_explained(folders, planted, tmp_path):
    songs, classes, truth = planted
    learnt, unseen = slice(4000), slice(4000, None)
    settings = {
        "n_epochs": 8,
        "batch_size": 16,
        "learning_rate": 2e-3,
        "head_learning_rate": 2e-3,
    }
    model = classifier(folders, "ast", **settings).fit(songs[learnt], classes[learnt])
    assert (model.predict(songs[unseen]) == classes[unseen]).mean() > 0.9
    present = truth.presence(songs)
    for half in ("audio", "lyrics"):
        # The best that can be done with one half: the commoner class, whatever is there of it.
        heard = present[[c for c in present if ("@" in c) == (half == "audio")]]
        best = (
            pd.Series(classes)
            .groupby([heard[c] for c in heard])
            .agg(lambda group: group.value_counts().iloc[0])
        )
        assert best.sum() / len(classes) < 0.77  # 0.75, but for chance
        alone = clone(model).set_params(modality=half, n_epochs=2).fit(songs[:1000], classes[:1000])
        assert (alone.predict(songs[unseen]) == classes[unseen]).mean() < 0.75 + 0.06

    ((sound, word),) = truth.interactions
    more, _, stems, same = make_songs(
        240, duration=1.0, sampling_rate=RATE, n_words=20, random_state=0
    )
    assert same == truth
    both = np.flatnonzero(truth.presence(more)[[sound, word]].all(axis=1))
    saved = save_songs(more.iloc[both], [stems[i] for i in both], tmp_path)
    explainer = MusicLimeExplainer(
        FrozenEstimator(model),
        separator=StemSeparator(sources=("drums", "bass", "chords", "voice")),
        n_samples=400,
        random_state=0,
    ).fit(saved)
    overall = explainer.explain_global(saved, labels=["wild", "calm"])
    # A source that is heard at all plays four tenths around its time, and a model may go by any.
    near = {name: {f"{s}@{int(t) + d}" for d in (-2, -1, 0, 1, 2)}
            for name in (*truth.main, sound) if "@" in name
            for s, t in [name.split("@")]}  # fmt: skip
    for label, sign in (("wild", 1), ("calm", -1)):
        for name, effect in truth.main.items():
            if effect == sign:
                modality = "audio" if "@" in name else "lyrics"
                top = overall.top(2, label, modality=modality)["component"].tolist()
                assert set(top) & near.get(name, {name}), (label, name, top)
    pairs = overall.interactions("wild")
    positive = pairs[pairs["weight"] > 0].iloc[0]
    assert positive["second"] == word
    assert positive["first"] in near[sound]


def test_the_paper_s_table_is_one_call(folders, songs):
    table = compare_modalities(classifier(folders, n_epochs=1), songs, CLASSES, cv=3)
    assert table.index.tolist() == ["lyrics", "audio", "both"]
    assert table.notna().all(axis=None)
