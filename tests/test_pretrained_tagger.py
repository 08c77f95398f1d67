"""The port of MusiCNN answers as the original does, and the example finds what it says."""

import json
import subprocess
import sys
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

from sklearn_musiclime import AudioEmbedder
from sklearn_musiclime.datasets import make_songs
from sklearn_musiclime.examples import pretrained_tagger
from sklearn_musiclime.songs import read_audio

HOW = "needs the weights of MusiCNN: pip install --no-deps musicnn==0.1.0"
REAL_SONGS = [
    "Fantasma_-_Los_Rombos.mp3",
    "Confession_-_Quesabe.mp3",
    "Le_royaume_des_glous_glous_-_Raoul_de_QSM.mp3",
    "Mes_Larmes_-_kobzx2z.mp3",
    "Veränderung_-_doromusis.mp3",
    "Yuanan_-_Miedo_-_Yuanan.mp3",
    "de_bonne_humeur_-_Le_Nez_Tordu.mp3",
]


@pytest.fixture(scope="module")
def loaded():
    """The network, and what turns waveforms into its input."""
    pytest.importorskip("transformers", reason="needs the extra deep")
    pytest.importorskip("musicnn", reason=HOW)
    return pretrained_tagger.load()


@pytest.fixture(scope="module")
def original(real_path):
    """Tags of each real song, from 40 to 70 s, by the original in TensorFlow."""
    path = real_path.parent / "musicnn" / "msd_tags.json"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "name", [REAL_SONGS[0], *(pytest.param(n, marks=pytest.mark.slow) for n in REAL_SONGS[1:])]
)
def test_tags_of_real_songs_are_those_of_the_original(loaded, original, real_path, name):
    tagger = pretrained_tagger.Tagger(loaded[0])
    clip = {"path": str(real_path / "mp3" / name), "start": 40.0, "end": 70.0}
    (tags,) = tagger.predict_proba(pd.DataFrame({"audio": [clip]}))
    assert original[name].keys() == set(tagger.classes_)
    expected = [original[name][tag] for tag in tagger.classes_]  # rounded to four digits
    np.testing.assert_allclose(tags, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("trained_on", ["MSD", "MTT"])
def test_the_variables_of_a_checkpoint_fill_its_data_file(loaded, trained_on):
    from sklearn_musiclime.examples._musicnn import load_musicnn, read_checkpoint

    folder = files("musicnn") / f"{trained_on}_musicnn"
    variables = read_checkpoint(folder)
    assert sum(v.nbytes for v in variables.values()) == (
        (folder / ".data-00000-of-00001").stat().st_size
    )
    trained = {name for name in variables if "Adam" not in name and "_power" not in name}
    network = load_musicnn(trained_on)
    assert len(set(network.tag_names)) == 50
    assert sum(variables[name].size for name in trained) == sum(
        values.numel() for name, values in network.state_dict().items() if "num_batches" not in name
    )


@pytest.mark.parametrize("seconds", [0.1, 1.0, 2.975, 4.0])
def test_songs_of_any_length_are_tagged(loaded, seconds):
    waveform = np.random.default_rng(0).normal(0, 0.1, round(16000 * seconds)).astype(np.float32)
    tags = loaded[0].probabilities(waveform)
    assert tags.shape == (50,)
    assert ((tags > 0) & (tags < 1)).all()


def test_an_embedding_is_what_the_network_makes_of_a_window(loaded):
    network, log_mel = loaded
    songs = make_songs(2, duration=1.0, random_state=0)[0]
    embedder = AudioEmbedder(network, feature_extractor=log_mel)
    found = embedder.fit_transform(songs["audio"])
    waveforms = [read_audio(cell, embedder.required_sampling_rate) for cell in songs["audio"]]
    expected = network(**log_mel(waveforms)).pooler_output.detach().numpy()
    assert found.shape == (2, 200)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.long
@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
def test_the_example(loaded, capsys):
    tags, genre = pretrained_tagger.main()
    assert tags.labels == ["electronic", "jazz"]
    assert tags.settings["model"].startswith("black box")
    for tag, speaks_for, against in (("electronic", "drums", "voice"), ("jazz", "voice", "drums")):
        weights = tags.audio_map(tag).sum(axis=1)
        assert weights.idxmax() == speaks_for
        assert weights.idxmin() == against
        assert weights[against] < 0 < weights[speaks_for]

    assert "it has not seen: 0.90" in capsys.readouterr().out
    assert genre.settings["model"] == "factored"
    assert genre.settings["n_audio_masks"] == 100
    main = make_songs(1, duration=1.0, random_state=0)[3].main
    words = genre.top(2).set_index("component")["weight"]
    assert set(words.index) == {name for name in main if "@" not in name}
    sign = 1 if genre.labels == ["wild"] else -1
    assert all(sign * weight * main[word] > 0 for word, weight in words.items())


def test_without_the_weights_it_says_how_to_get_them(loaded, monkeypatch):
    monkeypatch.setitem(sys.modules, "musicnn", None)
    with pytest.raises(ImportError, match=r"pip install --no-deps musicnn==0\.1\.0"):
        pretrained_tagger.load()


@pytest.mark.slow
def test_the_module_is_imported_without_what_the_network_needs_and_says_what_to_install():
    code = (
        "import sys; sys.modules['transformers'] = None\n"
        "from sklearn_musiclime.examples import pretrained_tagger\n"
        "assert 'torch' not in sys.modules\n"
        "try: pretrained_tagger.load()\n"
        "except ImportError as error: print(error)"
    )
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install sklearn-musiclime[deep]" in outcome.stdout, outcome.stderr
