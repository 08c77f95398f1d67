"""TorchModel: a model in torch as an estimator that is factored, against the model itself."""

import copy
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.frozen import FrozenEstimator

from sklearn_musiclime import InvalidSongError, MusicLimeExplainer, TorchModel, UniformSegmenter

torch = pytest.importorskip("torch", reason="needs the extra deep")

from torch_models import CLASSES, RATE, ByHand, Late, by_hand, parts, songs, tokens  # noqa: E402

from sklearn_musiclime._runtime.fingerprint import fingerprint  # noqa: E402
from sklearn_musiclime.fusion import parts as torch_parts  # noqa: E402
from sklearn_musiclime.songs import read_audio  # noqa: E402

SETTINGS = {
    "separator": None, "segmenter": UniformSegmenter(3), "n_samples": (24, 20), "proxy": None,
    "random_state": 0,
}  # fmt: skip


def made(name="late", three=None, **parameters):
    settings = {"tokenizer": tokens, "sampling_rate": RATE, "classes": CLASSES}
    return TorchModel(*(three or parts(name)), **(settings | parameters))


def explained(model, X, **parameters):
    return MusicLimeExplainer(model, **(SETTINGS | parameters)).fit(X).explain(X[:1])[0]


def assert_same(ours, theirs):
    assert ours.settings["masks"] == theirs.settings["masks"]
    scale = np.abs(theirs.weights).max()
    np.testing.assert_allclose(ours.weights[0], theirs.weights[0], atol=1e-6 * scale)
    np.testing.assert_allclose(ours.std_err[0], theirs.std_err[0], atol=1e-6 * scale)


@pytest.mark.parametrize("name", ["late", "cross"])
def test_whole_songs_and_halves_get_the_answers_of_the_model(name):
    X = songs(5)
    X.loc[1, "lyrics"] = "fire " * 30  # of unlike lengths
    X.loc[2, "lyrics"] = ""
    model = made(name)
    expected = by_hand(parts(name), X)
    assert np.ptp(expected, axis=0).max() > 0.1
    answers = model.predict_proba(X)
    assert answers.dtype == np.float64
    np.testing.assert_allclose(answers, expected, atol=1e-6)
    halves = model.encode_audio(X["audio"]), model.encode_lyrics(X["lyrics"])
    np.testing.assert_allclose(model.predict_encoded(*halves), answers, atol=1e-12)
    assert model.predict(X).tolist() == [CLASSES[i] for i in expected.argmax(axis=1)]
    logits = model.decision_function(X)
    np.testing.assert_allclose(
        logits[:, 1] - logits[:, 0], np.log(expected[:, 1] / expected[:, 0]), atol=1e-4
    )
    for size in (1, 2):
        np.testing.assert_allclose(
            clone(model).set_params(batch_size=size).predict_proba(X), answers, atol=1e-6
        )


def test_sequences_are_padded_and_joined_with_masks_of_false():
    texts = ["fire", "fire river dream night", "", "river dream"]
    words, mask = made("cross", batch_size=1).encode_lyrics(texts)
    expected, where = parts("cross")[1](**tokens(texts))
    assert mask.dtype == torch.bool
    assert mask.tolist() == where.tolist()
    torch.testing.assert_close(words[mask], expected[where])
    assert not words[1:][~mask[1:]][-1].any()  # what was added is 0


def test_sequences_without_masks_are_not_padded():
    def numbers(ids, mask):
        return ids  # no mask, although they are whole numbers

    audio, _, head = parts()
    model = made(three=(audio, numbers, head), batch_size=1)
    assert model.encode_lyrics(["fire river", "river fire"]).shape == (2, 2)
    with pytest.raises(ValueError, match=r"lyrics_encoder returned sequences .* without a mask"):
        model.encode_lyrics(["fire", "river fire"])


@pytest.mark.parametrize("name", ["late", "cross"])
def test_explanations_are_those_of_the_plain_function(name):
    X = songs(1)
    three = parts(name)
    paired = {"design": "paired", "n_samples": 60}
    ours = explained(made(name), X, **paired)
    assert ours.settings["model"] == "factored"
    at = CLASSES.index(ours.labels[0])
    function = MusicLimeExplainer(
        lambda songs: by_hand(three, songs), **(SETTINGS | paired), sampling_rate=RATE
    ).fit(X)
    theirs = function.explain(X, [at])[0]
    assert theirs.settings["model"] == "black box: a function"
    assert_same(ours, theirs)
    crossed = explained(made(name), X)
    assert crossed.settings["design"] == "crossed"
    assert crossed.settings["sampling_rate"] == RATE


def test_explanations_are_those_of_halves_by_hand():
    X = songs(1)
    three = parts()
    ours, theirs = explained(made(three=three), X), explained(ByHand(three), X)
    assert ours.settings["n_combinations"] == theirs.settings["n_combinations"]
    assert_same(ours, theirs)
    np.testing.assert_allclose(
        ours.interaction_terms.weights, theirs.interaction_terms.weights, atol=1e-6
    )


@pytest.mark.parametrize("name", ["late", "cross"])
def test_batches_and_threads_do_not_matter(name):
    X = songs(2)
    expected = MusicLimeExplainer(made(name), **SETTINGS).fit(X).explain(X)
    found = MusicLimeExplainer(made(name, batch_size=3), **SETTINGS).fit(X).explain(X)
    with parallel_config(backend="threading"):
        threaded = MusicLimeExplainer(made(name), **SETTINGS, n_jobs=2).fit(X).explain(X)
    for theirs, *ours in zip(expected, found, threaded, strict=True):
        for some in ours:
            assert_same(some, theirs)


@pytest.mark.long
def test_processes_do_not_matter():
    X = songs(2)
    expected = MusicLimeExplainer(made("cross"), **SETTINGS).fit(X).explain(X)
    found = MusicLimeExplainer(made("cross"), **SETTINGS, n_jobs=2).fit(X).explain(X)
    for ours, theirs in zip(found, expected, strict=True):
        assert_same(ours, theirs)


def test_modules_work_in_evaluation_mode_and_stay_trainable():
    three = parts()
    three[2].layers[1].eval()  # a layer that was left in another mode than the rest
    modes = [[module.training for module in part.modules()] for part in three]
    model = made(three=three)
    seen = []
    three[2].register_forward_pre_hook(
        lambda module, _: seen.append((module.training, torch.is_inference_mode_enabled()))
    )
    X = songs(2)
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))
    assert set(seen) == {(False, True)}
    assert [[module.training for module in part.modules()] for part in three] == modes
    audio = three[0](torch.randn(4, RATE))
    three[2](audio, three[1](**tokens(["a", "b", "c", "d"]))).sum().backward()
    assert all(p.grad is not None for part in three for p in part.parameters())


def test_methods_of_a_module_are_parts():
    class Whole(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.audio, self.lyrics, self.head = parts()

        def hear(self, waveforms):
            assert not self.training
            return self.audio(waveforms)

        def judge(self, audio, lyrics):
            assert not self.training
            return self.head(audio, lyrics)

    whole = Whole()
    model = made(three=(whole.hear, whole.lyrics, whole.judge))
    np.testing.assert_array_equal(model.predict_proba(songs()), made().predict_proba(songs()))
    assert whole.training


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_modules_get_the_type_of_their_weights(dtype):
    X, three, got = songs(), parts(), []
    expected = by_hand(three, X)
    for part in three[:2]:
        part.to(dtype)
    three[0].register_forward_pre_hook(lambda module, waveforms: got.append(waveforms[0].dtype))
    model = made(three=three)  # a head of single precision takes encodings of another type
    assert model.encode_audio(X["audio"]).dtype == dtype
    answers = model.predict_proba(X)
    assert set(got) == {dtype}
    assert answers.dtype == np.float64
    np.testing.assert_allclose(answers, expected, atol=0.05)
    assert dtype == torch.float64 or not np.allclose(answers, expected, atol=1e-7)


@pytest.mark.parametrize("autocast", ["bfloat16", torch.bfloat16])
def test_autocast(autocast):
    X = songs()
    model = made(autocast=autocast)
    assert model.encode_audio(X["audio"]).dtype == torch.bfloat16
    answers = model.predict_proba(X)
    np.testing.assert_allclose(answers, made().predict_proba(X), atol=0.05)
    assert not np.allclose(answers, made().predict_proba(X), atol=1e-7)
    assert not torch.is_autocast_enabled("cpu")
    assert next(model.audio_encoder.parameters()).dtype == torch.float32


def test_a_batch_that_is_too_large_is_halved():
    three, sizes = parts(), []

    def encode(waveforms):
        sizes.append(len(waveforms))
        if len(waveforms) > 2:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        return three[0].eval()(waveforms)

    X = songs(5)
    with pytest.warns(RuntimeWarning, match="out of memory"):
        answers = made(three=(encode, *three[1:])).predict_proba(X)
    assert sizes == [5, 2, 2, 1]
    np.testing.assert_allclose(answers, made().predict_proba(X), atol=1e-6)


def test_songs_are_not_padded():
    lengths = []

    def encode(waveforms):
        lengths.append(tuple(waveforms.shape))
        return waveforms.abs().sum(dim=1, keepdim=True)

    cells = [np.full(n, 0.5, dtype=np.float32) for n in (40, 20, 40, 30)]
    model = made(three=(encode, *parts()[1:]))
    assert model.encode_audio(cells).ravel().tolist() == [20, 10, 20, 15]
    assert lengths == [(1, 20), (1, 30), (2, 40)]


@pytest.mark.parametrize(
    ("kind", "n_outputs", "classes"),
    [
        ("classifier", 2, ["no", "yes"]), ("classifier", 1, ["no", "yes"]),
        ("classifier", 1, None), ("classifier", 4, None), ("multilabel", 3, ["a", "b", "c"]),
        ("regressor", 1, None), ("regressor", 2, None),
    ],
)  # fmt: skip
def test_kinds(kind, n_outputs, classes):
    X = songs()
    audio, lyrics, _ = parts()
    torch.manual_seed(3)
    model = made(three=(audio, lyrics, Late(n_outputs)), kind=kind, classes=classes)
    assert is_regressor(model) == (kind == "regressor") != is_classifier(model)
    predicted = model.predict(X)
    explanation = explained(model, X)
    assert explanation.settings["model"] == "factored"
    if kind == "regressor":
        assert not hasattr(model, "predict_proba")
        assert predicted.shape == ((3,) if n_outputs == 1 else (3, 2))
        assert explanation.labels == list(range(n_outputs))
        assert model.score(X, predicted) == 1.0
        return
    odds, probabilities = model.decision_function(X), model.predict_proba(X)
    assert model.score(X, predicted) == 1.0
    assert list(explanation.prediction) == (classes or list(range(max(n_outputs, 2))))
    if kind == "multilabel":
        np.testing.assert_allclose(probabilities, 1 / (1 + np.exp(-odds)))
        assert predicted.tolist() == (odds > 0).astype(int).tolist()
        assert (
            explanation.labels
            == [name for name, on in zip(classes, predicted[0], strict=True) if on]
            or not predicted[0].any()
        )
        return
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    if max(n_outputs, 2) == 2:
        np.testing.assert_allclose(odds, np.log(probabilities[:, 1] / probabilities[:, 0]))
    assert predicted.tolist() == [(classes or range(4))[i] for i in probabilities.argmax(axis=1)]


def test_a_head_reads_further_columns():
    X = songs().assign(year=[0.5, -1.0, 2.0], title=["a", "b", "c"])
    audio, lyrics, _ = parts()
    torch.manual_seed(1)
    head = Late(n_columns=1)
    model = made(three=(audio, lyrics, head), columns=["year"])
    answers = model.predict_proba(X)
    assert np.abs(answers - model.predict_proba(X.assign(year=5.0))).max() > 1e-3
    for part in (audio, lyrics, head):
        part.eval()
    waveforms = torch.tensor(np.stack([read_audio(cell, RATE) for cell in X["audio"]]))
    with torch.no_grad():
        years = torch.tensor(X["year"].to_numpy(np.float32))[:, None]
        logits = head(audio(waveforms), lyrics(**tokens(X["lyrics"])), years)
    np.testing.assert_allclose(answers, logits.softmax(dim=1).numpy(), atol=1e-6)

    def function(songs):
        return model.predict_proba(songs)

    paired = {"design": "paired", "n_samples": 60}
    ours = explained(model, X, **paired)
    assert ours.settings["model"] == "factored"
    at = CLASSES.index(ours.labels[0])
    explainer = MusicLimeExplainer(function, **(SETTINGS | paired), sampling_rate=RATE).fit(X)
    assert_same(ours, explainer.explain(X[:1], [at])[0])
    beside = explained(model, X, columns=["year"], n_samples=60)
    assert beside.settings["model"].startswith("black box")
    assert np.abs(beside.weights[0, -1]) > 0

    with pytest.raises(ValueError, match=r"row 1: column 'year' is 'x', where a finite number"):
        model.predict_proba(X.assign(year=[1, "x", 2]))
    with pytest.raises(ValueError, match="X has no column 'year'"):
        model.predict_proba(X[["audio", "lyrics"]])
    with pytest.raises(ValueError, match=r"the head reads columns=.*, and got none"):
        model.predict_encoded(model.encode_audio(X["audio"]), model.encode_lyrics(X["lyrics"]))


def hugging_face(model_max_length=1000, special=True):
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    known = {"<pad>": 0, "<unk>": 1, "[CLS]": 2, "fire": 3, "river": 4}
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel(known, "<unk>"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    if special:
        words.post_processor = tokenizers.processors.TemplateProcessing(
            "[CLS] $A", special_tokens=[("[CLS]", 2)]
        )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", model_max_length=model_max_length
    )


@pytest.mark.parametrize("special", [True, False])
def test_tokenizers_of_transformers(special):
    def encode(input_ids, attention_mask):
        return input_ids, attention_mask

    audio, _, _ = parts()
    model = made(
        three=(audio, encode, Late()), tokenizer=hugging_face(special=special), batch_size=2
    )
    ids, mask = model.encode_lyrics(["fire", "", "river fire", "night fire river"])
    start = [2] * special
    texts = [[3], [], [4, 3], [1, 3, 4]]
    for row, own, text in zip(ids.tolist(), mask.tolist(), texts, strict=True):
        n = max(sum(own), 1)
        assert row[:n] == (start + text or [0])
        assert not any(own[n:])
    short = made(three=(audio, encode, Late()), tokenizer=hugging_face(3))
    with pytest.warns(UserWarning, match="1 of 2 texts are longer than the 2 tokens"):
        ids, _ = short.encode_lyrics(["fire river fire", "fire river"])
    assert ids.tolist() == [[2, 3, 4], [2, 3, 4]]


@pytest.mark.slow
def test_outputs_of_transformers_are_encodings():
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=5, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=8, max_position_embeddings=16,
    )  # fmt: skip
    bert = transformers.BertModel(config)
    audio, _, head = parts()
    model = made(
        three=(audio, bert, lambda a, words: head.eval()(a, words["pooler_output"])),
        tokenizer=hugging_face(16),
    )  # fmt: skip
    with torch.no_grad():
        ids = hugging_face(16)("river fire", return_tensors="pt")["input_ids"]
        expected = bert.eval()(ids).pooler_output[0]
    bert.train()
    found = model.encode_lyrics(["river fire night river", "river fire"])
    torch.testing.assert_close(found["pooler_output"][1], expected, atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match="without a mask"):
        made(three=(audio, bert, head), tokenizer=hugging_face(16), batch_size=1).encode_lyrics(
            ["fire", "fire river"]
        )


def test_encoders_may_take_texts():
    def encode(texts):
        return np.array([[float(len(text))] * 8 for text in texts])

    audio, _, head = parts()
    X = songs()
    answers = made(three=(audio, encode, head), tokenizer=None).predict_proba(X)
    found = made(three=(audio, encode, head), tokenizer=list).predict_proba(X)
    np.testing.assert_array_equal(answers, found)


@pytest.mark.parametrize(
    ("which", "part", "match"),
    [
        (0, lambda x: x[:1].mean(dim=1), r"audio_encoder returned .* shape \(1,\) for 2 songs"),
        (0, lambda x: x.sum(), r"audio_encoder returned a tensor of shape \(\) for 2 songs"),
        (0, lambda x: object(), "audio_encoder returned a object"),
        (0, lambda x: x[:, :8] + torch.tensor([[1.0], [torch.nan]]), "audio_encoder .* for row 1"),
        (1, lambda ids, mask: ids[:1], "lyrics_encoder returned"),
        (1, lambda ids, mask: ids[:, :1] * torch.nan, "lyrics_encoder returned NaN for row 0"),
        (2, lambda a, w: a[:1], r"the head returned a tensor of shape \(1, 8\) for 2 songs"),
        (2, lambda a, w: a[:, :3] / 0, "the head returned NaN or infinite values for 2 of 2"),
        (2, lambda a, w: a, r"the head returned 8 outputs for 3 classes, \['pop'"),
        (2, lambda a, w: a[:, :1], "the head returned 1 outputs for 3 classes"),
    ],
)  # fmt: skip
def test_a_part_that_answers_wrongly_is_named(which, part, match):
    three = list(parts())
    three[which] = part
    with pytest.raises(Exception, match=match):
        made(three=three).predict_proba(songs(2))


@pytest.mark.parametrize(
    ("parameters", "error", "match"),
    [
        ({"tokenizer": None}, ValueError, "lyrics_encoder is a module, Lyrics, and needs a token"),
        ({"tokenizer": "bert"}, TypeError, "tokenizer must be callable"),
        ({"kind": "ranker"}, ValueError, "kind must be one of"),
        ({"kind": "regressor"}, ValueError, "a regressor has no classes"),
        ({"batch_size": 0}, ValueError, "batch_size must be"),
        ({"batch_size": 2.5}, ValueError, "batch_size must be"),
        ({"autocast": "float32"}, ValueError, r"autocast must be one of \('bfloat16', 'float16'\)"),
        ({"autocast": torch.int8}, ValueError, "autocast must be one of"),
        ({"sampling_rate": 0}, ValueError, "sampling_rate must be above 0"),
        ({"device": "gpu"}, ValueError, "device='gpu' can't be used here"),
        ({"audio_encoder": None}, TypeError, "audio_encoder must be callable"),
    ],
)
def test_parameters_are_checked_before_the_work(parameters, error, match):
    model = made().set_params(**parameters)
    for work in (model.fit, model.predict):
        with pytest.raises(error, match=match):
            work(songs(1))


def test_bad_songs_are_named():
    X = songs(3)
    X.at[1, "audio"] = "no such file.wav"
    with pytest.raises(InvalidSongError, match="row 1"):
        made(batch_size=1).predict_proba(X)
    with pytest.raises(InvalidSongError, match="row 2"):
        made(batch_size=1).predict_proba(songs(3).assign(lyrics=["a", "b", 3]))
    with pytest.raises(ValueError, match="no songs"):
        made().predict(songs(1)[:0])


# Devices. No test machine has a GPU, so one is made up.


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there():
    with pytest.raises(ValueError, match=r"device='cuda' can't be used here .*'auto' takes a GPU"):
        made(device="cuda").predict(songs(1))


def test_the_device_is_chosen(monkeypatch):
    assert torch_parts.device_for("cpu", parts()).type == "cpu"
    assert torch_parts.device_for("auto", [torch.nn.Linear(1, 1, device="meta")]).type == "meta"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert torch_parts.device_for("auto", parts()).type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert torch_parts.device_for("auto", parts()).type == "cuda"


def test_modules_and_inputs_go_to_the_device_and_stay():
    linear = torch.nn.Linear(2, 1)
    meta = torch.device("meta")
    with torch_parts.at_work([linear, linear.forward, len], meta, None):
        assert linear.weight.device == meta
        inputs = {"words": (torch.ones(3, 2), torch.ones(3, dtype=torch.int64)), "pooling": "mean"}
        moved = torch_parts.as_inputs(inputs, linear, meta)
        assert [t.device for t in moved["words"]] == [meta, meta]
        assert [t.dtype for t in moved["words"]] == [torch.float32, torch.int64]
        assert moved["pooling"] == "mean"
        assert linear(moved["words"][0]).device == meta
    assert linear.weight.device == meta


def test_what_is_on_a_gpu_is_pickled_from_the_processor(monkeypatch):
    audio, lyrics, _ = parts()
    away = {"audio_encoder": audio.forward, "lyrics_encoder": lyrics, "head": audio}
    on_gpu = [SimpleNamespace(device=torch.device("cuda"))]
    monkeypatch.setattr(
        torch_parts, "_tensors_of", lambda part: on_gpu if part is not lyrics else []
    )
    copies = torch_parts.on_processor(away)
    assert copies["lyrics_encoder"] is lyrics
    assert copies["head"] is not audio
    assert copies["audio_encoder"].__self__ is copies["head"]  # they share a module, as before
    assert away["head"] is audio
    torch.testing.assert_close(copies["head"].state_dict(), audio.state_dict())


# An estimator like any other, that fits nothing.


def test_it_is_ready_as_made():
    X, model = songs(), made()
    expected = model.predict_proba(X)
    assert model.fit(X) is model
    cloned = clone(model)
    assert cloned is not model
    assert cloned.get_params() == model.get_params()
    assert cloned.set_params(batch_size=1).head is model.head
    assert model.batch_size == "auto"
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), expected)
    assert len(repr(model)) < 400
    frozen = explained(FrozenEstimator(model), X)
    assert_same(explained(model, X), frozen)


def test_identity_is_that_of_the_weights(tmp_path, monkeypatch):
    model, same, other = made(), made(), made(three=parts(seed=1))
    changed = copy.deepcopy(same)
    with torch.no_grad():
        changed.head.layers[0].bias[0] += 1e-3
    keys = [fingerprint(some) for some in (model, same, other, changed)]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    model.predict(songs(1))  # leaves nothing behind
    assert fingerprint(model) == keys[0]

    calls, run = [], TorchModel._run_audio
    monkeypatch.setattr(TorchModel, "_run_audio", lambda *args: calls.append(1) or run(*args))
    n_calls = []
    for some in (model, same, changed):
        explained(some, songs(1), memory=str(tmp_path))
        n_calls.append(len(calls))
    assert 0 < n_calls[0] == n_calls[1] < n_calls[2]
