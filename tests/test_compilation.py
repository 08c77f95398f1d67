"""What librosa compiles is on disk before processes share it, as numba mixes up their files."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import os
from pathlib import Path

import numpy as np
from joblib import delayed

from sklearn_musiclime import BeatSegmenter, HPSSSeparator, SpectralStatistics, StructureSegmenter
from sklearn_musiclime._runtime.parallel import StreamingParallel
from sklearn_musiclime.featurizers.audio.spectral import FEATURES


def compiled():
    found = Path(os.environ["NUMBA_CACHE_DIR"]).rglob("*.nb?")
    return {str(path): path.stat().st_mtime_ns for path in found}


def use_librosa(seed):
    waveform = np.random.default_rng(seed).normal(0, 0.1, 22050).astype(np.float32)
    HPSSSeparator().separate(waveform, 22050)
    for segmenter in (BeatSegmenter(2), StructureSegmenter(2)):
        segmenter.segment(waveform, 22050)
    SpectralStatistics(tuple(FEATURES)).fit_transform([waveform])
    return os.getpid()


parallel = StreamingParallel(2)
before = compiled()
assert before
assert os.getpid() not in list(parallel(delayed(use_librosa)(seed) for seed in range(4)))
assert compiled() == before, set(compiled()) - set(before)
"""


@pytest.mark.long
def test_workers_compile_nothing_of_librosa(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environ = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, script], env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
