"""scikit-learn's contract: what is checked of every public estimator, what does not apply and why.

``python tests/contract.py`` runs the checks and prints them, estimator by estimator;
``test_contract.py`` runs the same ones as tests. There are three kinds:

- scikit-learn's own. They fit to numbers. Estimators that take songs get them told as songs: a
  row's numbers are the samples of a song, and what they are when rounded is its words. What then
  checks numbers themselves (that NaN and sparse matrices are refused) checks the telling alone, and
  is left to the tests of :mod:`sklearn_musiclime.songs`.
- What scikit-learn's own tests ask of its transformers beyond these.
- The same and more on songs, in every container that holds some.
"""

from __future__ import annotations

import sys
import unittest
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import sklearn
from contract_checks import (
    OF_CLASSIFIERS,
    OF_COLUMNS,
    OF_SONGS,
    READY,
    WITHOUT_FIT,
    Entry,
    check_fits_to_numbers,
    check_html,
    check_output_is_set,
    check_parallel_gives_the_same,
)
from contract_songs import (
    ExplainerOnNumbers,
    Halves,
    LateFusionOnNumbers,
    LyricsEmbedderOnNumbers,
    Powers,
    TransformerFusionOnNumbers,
    exact,
    hear,
    judge,
    letters,
    loudness,
    models,
    read,
    samples,
    songs,
)
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import estimator_checks_generator

from sklearn_musiclime import (
    AudioEmbedder,
    BandSeparator,
    BeatSegmenter,
    ChainSeparator,
    Donors,
    HPSSSeparator,
    LateFusionClassifier,
    LyricLineSegmenter,
    LyricsEmbedder,
    MusicLimeExplainer,
    SimilarityModel,
    SpectralStatistics,
    StemSeparator,
    StructureSegmenter,
    TorchModel,
    TorchSeparator,
    TransformerFusionClassifier,
    UniformSegmenter,
    make_fusion_pipeline,
)

ANY_LENGTH = "songs need not be as long as those of the fit"
BEYOND = (
    "check_get_feature_names_out_error",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_global_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_set_output_transform_polars",
    "check_inplace_ensure_writeable",
)
"""Of transformers, what scikit-learn's own tests add to ``check_estimator``."""
NEED_NO_DATA = (
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_mixin_order",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
)
"""What scikit-learn checks of an estimator without calling ``fit``."""


@dataclass(frozen=True)
class Check:
    """A check of an estimator.

    Attributes
    ----------
    name : str
        Of the check.
    run : callable
        Raises if the estimator fails it.
    reason : str or None
        Why it does not apply, if it doesn't. It fails then.
    """

    name: str
    run: Callable[[], None]
    reason: str | None = None


@cache
def entries() -> tuple[Entry, ...]:
    """Every public estimator."""
    X, y = songs()
    of_songs = {"X": X, "y": y}
    sounds = {"X": X["audio"], "y": y}
    late = LateFusionClassifier(
        make_pipeline(Powers(), LogisticRegression()),
        make_pipeline(TfidfVectorizer(), LogisticRegression()),
    )
    # A proxy would take most of the time; tests of their own have them in workers and files.
    quick = {"separator": None, "segmenter": UniformSegmenter(2), "n_samples": 8, "random_state": 0}
    quick["proxy"] = None
    spectra = {
        "check_n_features_in_after_fitting": ANY_LENGTH,
        "check_get_feature_names_out_error": "it has nothing to learn and works without fit",
        "check_not_fitted": "it has nothing to learn and works without fit",
    }
    explained = {
        "check_parameters_default_constructible": (
            "separator and segmenter default to instances, so that segmenter__n_segments can be "
            "searched as it stands"
        )
    }
    return (
        Entry(
            SpectralStatistics(n_mels=20, n_mfcc=5),
            (*OF_COLUMNS, check_parallel_gives_the_same),
            SpectralStatistics(n_mels=20, n_mfcc=5),
            reasons=spectra,
            **sounds,
        ),
        Entry(
            SpectralStatistics(features=("rms", "chroma")),
            OF_COLUMNS,
            SpectralStatistics(features=("rms", "chroma")),
            reasons=spectra,
            **sounds,
        ),
        Entry(
            make_fusion_pipeline(),
            OF_CLASSIFIERS,
            takes_arrays=False,
            other_checks="it is a Pipeline of scikit-learn",
            reasons={
                "check_fit_changes_neither_parameters_nor_songs": "a Pipeline fits its own steps",
            },
            **of_songs,
        ),
        Entry(
            late,
            (*OF_CLASSIFIERS, check_parallel_gives_the_same),
            LateFusionOnNumbers(
                make_pipeline(FunctionTransformer(samples), exact()),
                make_pipeline(CountVectorizer(), exact()),
            ),
            **of_songs,
        ),
        *(
            Entry(
                SimilarityModel(Powers().fit(sounds["X"]), letters, **prompted),
                OF_SONGS,
                other_checks="it learns nothing from what it is fitted to",
                **of_songs,
            )
            for prompted in (
                {},
                {"prompts": ["a", "b"], "output": "probability", "lyrics_weight": 0.5},
            )
        ),
        Entry(
            MusicLimeExplainer(late, **quick),
            (*OF_SONGS, check_output_is_set, check_parallel_gives_the_same),
            ExplainerOnNumbers(loudness, **quick),
            tolerance=1e-9,
            reasons=explained,
            **of_songs,
        ),
        Entry(
            MusicLimeExplainer(loudness, **quick),
            (*OF_SONGS, check_output_is_set, check_parallel_gives_the_same),
            tolerance=1e-9,
            reasons=explained,
            other_checks="they are run above, with the same model",
            **of_songs,
        ),
        Entry(HPSSSeparator(), WITHOUT_FIT),
        Entry(BandSeparator(), WITHOUT_FIT),
        Entry(ChainSeparator(HPSSSeparator(), BandSeparator()), WITHOUT_FIT),
        Entry(StemSeparator(sources=("drums",)), WITHOUT_FIT),
        Entry(UniformSegmenter(), WITHOUT_FIT),
        Entry(
            Donors(X.iloc[:3], n_donors=2),
            WITHOUT_FIT,
            reasons={"check_skops_says_the_same": "its songs are a DataFrame, which skops lacks"},
        ),
        Entry(BeatSegmenter(beats=1), WITHOUT_FIT),
        Entry(StructureSegmenter(n_segments=3), WITHOUT_FIT),
        Entry(LyricLineSegmenter(), WITHOUT_FIT),
        *deep_entries(),
    )


def deep_entries() -> tuple[Entry, ...]:
    """Those of the extra ``deep``."""
    modules = ("torch", "transformers", "sentence_transformers")
    if not all(map(find_spec, modules)):
        estimators = AudioEmbedder, LyricsEmbedder, TransformerFusionClassifier
        why = f"{', '.join(modules)} are not all installed"
        return tuple(
            Entry(estimator, (check_html,), other_checks=why)
            for estimator in (
                *(cls() for cls in estimators),
                TorchSeparator(Halves()),
                TorchModel(hear, read, judge, sampling_rate=22050),
            )
        )
    X, y = songs()
    folders = models()
    extractor, ast = pretrained(folders["ast"])
    of_songs, sounds, words = ({"X": held, "y": y} for held in (X, X["audio"], X["lyrics"]))
    return (
        Entry(
            AudioEmbedder(str(folders["ast"])),
            OF_COLUMNS,
            AudioEmbedder(ast, feature_extractor=extractor),
            tolerance=1e-5,
            reasons={
                "check_n_features_in_after_fitting": ANY_LENGTH,
                "check_transformer_general": ANY_LENGTH,
                "check_estimators_overwrite_params": "joblib.hash tells a network from its copy",
            },
            **sounds,
        ),
        Entry(
            LyricsEmbedder(str(folders["roberta"])),
            OF_COLUMNS,
            LyricsEmbedderOnNumbers(str(folders["roberta"])),
            tolerance=1e-5,
            **words,
        ),
        Entry(
            TransformerFusionClassifier(
                str(folders["ast"]), str(folders["roberta"]), n_epochs=1, random_state=0
            ),
            OF_CLASSIFIERS,
            TransformerFusionOnNumbers(
                str(folders["ast"]), str(folders["roberta"]), n_epochs=1, freeze=True
            ),
            tolerance=1e-5,
            reasons={
                "check_sample_weight_equivalence_on_dense_data": (
                    "it learns from batches, and songs that are there twice make others"
                ),
                "check_classifiers_train": (
                    "encoders without training tell its clusters apart badly; what it learns is "
                    "tested in test_transformer.py"
                ),
                "check_skops_answers_the_same": (
                    "skops knows no networks; save and load write JSON and safetensors"
                ),
            },
            **of_songs,
        ),
        Entry(TorchSeparator(Halves()), WITHOUT_FIT),
        Entry(
            TorchModel(hear, read, judge, sampling_rate=22050, classes=["calm", "wild"]),
            READY,
            tolerance=1e-6,
            other_checks="it fits nothing, and its parts are trained",
            **of_songs,
        ),
    )


def pretrained(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoFeatureExtractor, AutoModel

    return AutoFeatureExtractor.from_pretrained(folder), AutoModel.from_pretrained(folder)


def checks_of(entry: Entry) -> Iterator[Check]:
    """All checks of an entry, in the order in which they are run."""
    estimator = entry.on_numbers if entry.on_numbers is not None else entry.estimator
    name = type(estimator).__name__
    if entry.on_numbers is None:
        for check in NEED_NO_DATA:
            run = partial(getattr(estimator_checks, check), name, estimator)
            yield Check(check, run, entry.reasons.get(check))
        rest = partial(check_fits_to_numbers, entry)
        yield Check("all other checks of scikit-learn", rest, entry.other_checks)
    else:
        for _, check in estimator_checks_generator(estimator):
            run = partial(check, estimator)
            while hasattr(check, "func"):
                check = check.func
            yield Check(check.__name__, run, entry.reasons.get(check.__name__))
        for check in BEYOND if hasattr(estimator, "transform") else ():
            run = partial(getattr(estimator_checks, check), name, clone(estimator))
            yield Check(check, run, entry.reasons.get(check))
    for check in entry.checks:
        yield Check(check.__name__, partial(check, entry), entry.reasons.get(check.__name__))


def main() -> int:
    """Run and print all checks; return how many went wrong."""
    count = {"passed": 0, "not applicable": 0, "FAILED": 0}
    for entry in entries():
        print(f"\n{shown(entry)}")
        for check in checks_of(entry):
            outcome, reason = outcome_of(check)
            count[outcome] += 1
            print(f"  {outcome:<14}  {check.name}{reason and f': {reason}'}", flush=True)
    print(f"\nscikit-learn {sklearn.__version__}:", *(f"{n} {what}," for what, n in count.items()))
    return count["FAILED"]


def shown(entry: Entry) -> str:
    """An entry's estimator in a line."""
    text = " ".join(repr(entry.estimator).split())
    return text if len(text) < 90 else f"{text[:90]}..."


def outcome_of(check: Check) -> tuple[str, str]:
    """Whether a check was passed, and why not."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check.run()
    except unittest.SkipTest as skipped:
        return "not applicable", str(skipped)
    except (Exception, pytest.fail.Exception) as error:
        if check.reason is not None:
            return "not applicable", check.reason
        return "FAILED", f"{type(error).__name__}: {error}"
    if check.reason is not None:
        return "FAILED", f"it passes, although it should not apply: {check.reason}"
    return "passed", ""


if __name__ == "__main__":
    sys.exit(main())
