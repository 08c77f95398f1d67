"""What is enough for a label and what would change it, against games whose sets are all known."""

import copy
import gc
import pickle
import types
from math import comb

import numpy as np
import pandas as pd
import pytest
from conftest import VocalsAndRest, song_array
from explaining import explainer
from set_games import Game, crossed_game, linear_game, rule_game

from sklearn_musiclime import Donors, LocalExplanation, MusicLimeExplainer, UniformSegmenter
from sklearn_musiclime.explanation.local import _ASK_AGAIN
from sklearn_musiclime.neighbourhood.columns import ScoreColumns
from sklearn_musiclime.neighbourhood.decisions import Decision
from sklearn_musiclime.results.sets import lower_bound, n_masks_needed
from sklearn_musiclime.results.sets.certificate import n_kept_needed


def binomial_tail(n_kept, n, p):
    """Probability of `n_kept` successes of n or more."""
    return sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n_kept, n + 1))


@pytest.mark.parametrize(("n_kept", "n"), [(1, 1), (5, 9), (40, 40), (37, 40)])
def test_the_bound_is_the_inverse_of_the_binomial_tail(n_kept, n):
    low = lower_bound(n_kept, n, 0.05)
    assert binomial_tail(n_kept, n, low) == pytest.approx(0.05)
    assert n_kept_needed(low - 1e-9, n, 0.05) == n_kept
    assert n_kept_needed(low + 1e-9, n, 0.05) == n_kept + 1
    assert lower_bound(0, n, 0.05) == 0


@pytest.mark.parametrize("precision", [0.05, 0.1])
@pytest.mark.parametrize(("target", "power"), [(0.5, 0.8), (0.8, 0.96)])
def test_what_is_above_the_target_by_the_precision_mostly_passes(precision, target, power):
    """And what is below the target passes with the chance that is allowed, at most."""
    chance = 0.025
    n = n_masks_needed(precision, chance)
    needed = n_kept_needed(target, n, chance)
    assert power < binomial_tail(needed, n, target + precision) < 1
    assert binomial_tail(needed, n, target) <= chance


def case(seed):
    make = (linear_game, rule_game, crossed_game)[seed % 3]
    return make(seed, 13)


def test_certificates_hold_in_200_cases():
    """The bound against the exact probability of the set, over all masks."""
    holds, sampled = [], 0
    for seed in range(200):
        game = case(seed)
        found = game.explanation().sufficient(
            mask_function=game, random_state=seed, max_calls=1500, target=0.85
        )
        if not found.found:
            continue
        assert found.low >= 0.85
        exact = game.probability_of(found)
        holds.append(exact >= found.low)
        sampled += not found.is_exact
        if found.is_exact:
            assert found.probability == pytest.approx(exact)
    assert len(holds) > 190
    assert sampled > 60
    assert np.mean(holds) >= 0.95


def test_a_set_that_is_not_enough_is_seldom_claimed():
    """Whatever the search offers: here sets of a probability that is just too low, all of them."""
    from sklearn_musiclime.results.sets.questions import Questions
    from sklearn_musiclime.results.sets.sufficient import SufficientSearch

    rng = np.random.default_rng(0)
    kept = rng.random(2**14) < 0.88  # each set is about as good as any other
    kept[-1] = True
    game = Game(kept)
    claimed = []
    for seed in range(200):
        questions = Questions(game, np.arange(14), Decision(0, (0, 1)), True, (1, 1), 10**6)
        seeds = np.random.SeedSequence(seed)
        search = SufficientSearch(questions, np.arange(14), 0.9, 0.1, 0.05, seeds)
        search._found += [np.arange(14) < n for n in (4, 3, 2, 1, 0)]
        claimed.append(search._test() is not None)
    assert np.mean(claimed) <= 0.05


@pytest.mark.parametrize("make", [linear_game, rule_game, crossed_game])
def test_sets_are_nearly_always_the_smallest(make):
    more, n_known = [], 0
    for seed in range(20):
        game = make(1000 + seed, 10)
        explanation = game.explanation()
        enough = explanation.sufficient(mask_function=game, random_state=seed)
        assert enough.found
        more.append(enough.n_parts - game.smallest_sufficient(0.9))
        without = explanation.counterfactual(mask_function=game)
        smallest = game.smallest_counterfactual()
        assert without.found == (smallest is not None)
        if without.is_smallest and without.found:
            assert without.n_parts == smallest
            n_known += 1
        if without.found:
            assert without.n_parts - smallest in (0, 1)
            mask = np.ones((1, 10), dtype=bool)
            mask[0, list(without.positions)] = False
            assert game(mask)[0, 0] == 0
            assert without.becomes == "rock"
    assert np.mean(np.array(more) <= 0) >= 0.8
    assert max(more) <= 1
    assert n_known >= 5


def test_a_smaller_precision_finds_no_larger_sets_and_takes_more_masks():
    game = linear_game(3, 14)
    coarse, fine = (
        game.explanation().sufficient(mask_function=game, precision=p, max_calls=20_000)
        for p in (0.15, 0.05)
    )
    assert fine.n_parts <= coarse.n_parts
    assert fine.n_calls > coarse.n_calls


def test_planted_sets_are_found_by_any_order():
    """With weights that say nothing, too: the model decides."""
    n, planted = 14, [2, 5, 11]
    masks = (np.arange(2**n)[:, np.newaxis] >> np.arange(n)) & 1 == 1
    game = Game(masks[:, planted].all(axis=1))
    for weights in (None, np.zeros(n), np.arange(n)):
        explanation = game.explanation(weights)
        enough = explanation.sufficient(mask_function=game)
        assert sorted(enough.positions) == planted
        without = explanation.counterfactual(mask_function=game)
        assert len(without.positions) == 1
        assert without.positions[0] in planted
        assert without.is_smallest


def test_what_says_the_label_anyhow_needs_nothing():
    game = Game(np.ones(2**9, dtype=bool))
    enough = game.explanation().sufficient(mask_function=game)
    assert enough.found
    assert enough.components == ()
    assert enough.is_smallest
    assert "No part is needed" in repr(enough)
    without = game.explanation().counterfactual(mask_function=game)
    assert not without.found
    assert without.is_smallest
    assert "There is none" in repr(without)


def test_what_needs_everything_is_said_plainly():
    kept = np.zeros(2**9, dtype=bool)
    kept[-1] = True
    game = Game(kept)
    enough = game.explanation().sufficient(mask_function=game)
    assert not enough.found
    assert enough.components == ()
    assert np.isnan(enough.probability)
    assert "No set of fewer than all 9 components" in repr(enough)
    with pytest.raises(ValueError, match="no set was found"):
        enough.sonify()


@pytest.mark.parametrize("max_calls", [30, 250, 700])
def test_the_budget_is_kept(max_calls):
    game = linear_game(5, 14)
    explanation = game.explanation()
    for find in (explanation.sufficient, explanation.counterfactual):
        if find == explanation.sufficient and max_calls < 220:
            with pytest.raises(ValueError, match="fewer than the"):
                find(mask_function=game, max_calls=max_calls)
            continue
        game.n_calls = 0
        found = find(mask_function=game, max_calls=max_calls)
        assert found.n_calls == game.n_calls <= max_calls + 1  # what the song becomes


def test_the_same_seed_gives_the_same_set():
    game = crossed_game(4, 13)
    explanation = game.explanation()
    one, other = (explanation.sufficient(mask_function=game, random_state=7) for _ in range(2))
    assert repr(one) == repr(other)
    assert one.positions == other.positions
    assert one.seed == other.seed


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"target": 1.0}, "target must be between 0 and 1"),
        ({"precision": 0}, "precision must be between"),
        ({"confidence": 95}, "confidence must be between"),
        ({"label": "jazz"}, "'jazz' was not explained"),
    ],
)
def test_parameters_out_of_range(parameters, message):
    game = linear_game(0, 8)
    with pytest.raises(ValueError, match=message):
        game.explanation().sufficient(mask_function=game, **parameters)


# With models of songs.


def loves(X):
    """Loving, by a word and a loud first half, or calm; class scores."""
    songs = X[["audio", "lyrics"]].to_numpy() if isinstance(X, pd.DataFrame) else X
    waves = [np.ravel(y["array"] if isinstance(y, dict) else y) for y in songs[:, 0]]
    loud = np.array([float(np.std(y[: len(y) // 2]) > 0.05) for y in waves])
    love = np.array([float("love" in text.split()) for text in songs[:, 1]])
    both = 0.5 * loud + 0.4 * love
    return np.column_stack([both, 0.7 * np.ones(len(songs)), 0.1 * love])


def our_explainer(model=loves, **parameters):
    defaults = {
        "output_names": ["loving", "calm", "odd"], "segmenter": UniformSegmenter(2), "proxy": None,
    }  # fmt: skip
    return explainer(model, **(defaults | parameters))


def test_explanations_ask_their_model(X):
    explanation = our_explainer().fit(X).explain(X)[0]
    enough, without = explanation.sufficient(), explanation.counterfactual()
    assert set(enough.components) == {"mix@0", "love"}
    assert enough.is_exact
    assert enough.probability == 1
    assert without.components == ("love",) or without.components == ("mix@0",)
    assert without.becomes == "calm"
    frame = enough.to_frame()
    assert frame["component"].tolist() == list(enough.components)
    assert frame.columns.tolist() == explanation.to_frame().columns.tolist()


def test_parameters_set_later_change_nothing(X):
    ours = our_explainer().fit(X)
    explanation = ours.explain(X)[0]
    ours.set_params(segmenter=UniformSegmenter(5), lyric_units="lines")
    assert set(explanation.sufficient().components) == {"mix@0", "love"}


def test_the_row_of_each_song_is_asked_about(X):
    songs = pd.DataFrame({"audio": X[:, 0], "lyrics": X[:, 1]}, index=["a", "b", "c"])
    for explanation in our_explainer().fit(songs).explain(songs):
        function = explanation.mask_function()
        assert function.components.names == explanation.components.names
        np.testing.assert_allclose(
            function(np.ones((1, len(explanation.components))))[0],
            list(explanation.prediction.values()),
        )


def test_what_knows_no_model_says_so(X, tmp_path):
    ours = our_explainer().fit(X)
    explanation = ours.explain(X)[0]
    explanation.save(tmp_path / "song.json")
    loaded = LocalExplanation.load(tmp_path / "song.json")
    for other in (loaded, pickle.loads(pickle.dumps(explanation)), copy.copy(explanation)):
        with pytest.raises(ValueError, match="Pass mask_function="):
            other.sufficient()
        with pytest.raises(ValueError, match="Pass mask_function="):
            other.counterfactual()
    function = next(ours.mask_functions(X))
    again = loaded.sufficient(mask_function=function)
    assert again.components == explanation.sufficient().components
    assert len(pickle.dumps(explanation)) == len(pickle.dumps(copy.copy(explanation)))


def test_what_an_explanation_keeps_goes_with_it(X):
    explanations = our_explainer().fit(X).explain(X)
    known = len(_ASK_AGAIN)
    n = len(explanations)
    del explanations[:]
    gc.collect()
    assert len(_ASK_AGAIN) == known - n


class Decoder:
    """Like an AudioDecoder of torchcodec, which counts how often it is asked."""

    def __init__(self, samples):
        self.samples, self.n_asked = samples, 0

    def get_all_samples(self):
        self.n_asked += 1
        data = self.samples[np.newaxis]
        return types.SimpleNamespace(data=data, sample_rate=22050)


def test_nothing_is_decoded_for_a_question_that_is_not_asked(X):
    decoders = [Decoder(X[0, 0]), Decoder(X[1, 0])]
    songs = pd.DataFrame({"audio": decoders, "lyrics": X[:2, 1]})
    ours = our_explainer().fit(songs)
    explanations = ours.explain(songs)
    asked = [decoder.n_asked for decoder in decoders]
    ours.explain_global(songs)
    alike = [decoder.n_asked - before for decoder, before in zip(decoders, asked, strict=True)]
    assert alike == asked  # as often as where no explanation remembers its song
    assert set(explanations[0].sufficient().components) == {"mix@0", "love"}


def test_another_song_is_told(X):
    ours = our_explainer().fit(X)
    explanation = ours.explain(X)[0]
    functions = list(ours.mask_functions(X))
    with pytest.raises(ValueError, match="other components"):
        explanation.sufficient(mask_function=functions[1])
    with pytest.raises(ValueError, match="another song or model"):
        explanation.sufficient(mask_function=lambda masks: functions[0](masks) + 0.2)
    with pytest.raises(ValueError, match="returned shape"):
        explanation.sufficient(mask_function=lambda masks: functions[0](masks)[:, :2])


def test_a_label_that_is_not_said_needs_a_threshold(X):
    explanation = our_explainer().fit(X).explain(X, ["odd", "loving"])[0]
    with pytest.raises(ValueError, match="that of 'loving', not of 'odd'"):
        explanation.sufficient("odd")
    enough = explanation.sufficient("odd", threshold=0.05)
    assert enough.components == ("love",)
    assert enough.condition == "its score stays at or above 0.05"
    below = explanation.counterfactual("odd", threshold=0.5)  # never reached
    assert not below.found


def test_outputs_need_a_threshold(X):
    explanation = our_explainer(kind="outputs").fit(X).explain(X, "loving")[0]
    with pytest.raises(ValueError, match="threshold="):
        explanation.sufficient()
    assert explanation.sufficient(threshold=0.45).components == ("mix@0",)
    # A score that is low stays low without what would make it so.
    low = explanation.sufficient(threshold=2.0)
    assert low.components == ()
    assert low.condition == "its score stays below 2"


def test_labels_of_a_multilabel_model(X):
    from sklearn.dummy import DummyClassifier

    class Tagger(DummyClassifier):
        def fit(self, X, y=None):
            self.classes_ = [np.array([0, 1])] * 2
            return self

        def predict_proba(self, X):
            scores = 1.1 * loves(X)[:, [0, 2]]
            return [np.column_stack([1 - s, s]) for s in scores.T]

        def predict(self, X):
            return (1.1 * loves(X)[:, [0, 2]] >= 0.5).astype(int)

    explanation = our_explainer(Tagger(), output_names=None).fit(X).explain(X)[0]
    assert explanation.labels == [(0, 1)]
    assert explanation.sufficient().components == ("mix@0",)  # 0.55 of loudness alone
    without = explanation.counterfactual()
    assert without.components == ("mix@0",)
    assert without.becomes == (0, 0)


@pytest.mark.parametrize(
    ("columns", "column", "n", "said", "expected"),
    [
        (ScoreColumns(classes=["a", "b", "c"]), 1, 3, np.array(["b"]), (0, 1, 2)),
        (ScoreColumns(), 1, 3, None, (0, 1, 2)),
        (ScoreColumns(), 0, 1, None, ()),
        (ScoreColumns(are_outputs=True), 0, 2, None, ()),
        (ScoreColumns(classes=[0, 1, 2]), 0, 3, np.array([[0, 1, 1]]), ()),
        (ScoreColumns(classes=["a", "b", "c"], are_pairs=True), 0, 3, np.array(["b"]), ()),
        (ScoreColumns(classes_of_outputs=[["a", "b"], [0, 1]]), 3, 4, None, (2, 3)),
        (ScoreColumns(classes_of_outputs=[["a", "b"], [0, 1]]), 1, 2, None, ()),
    ],
)
def test_which_labels_are_rivals(columns, column, n, said, expected):
    assert columns.rivals(column, n, said) == expected


def test_of_equal_scores_the_first_is_said():
    scores = np.array([[1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    assert Decision(0, (0, 1)).is_said(scores).tolist() == [True, False, True]
    assert Decision(1, (0, 1)).is_said(scores).tolist() == [False, True, False]
    assert Decision(1, (0, 1)).winner(scores[0]) == 0


def test_linked_components_go_together(noise):
    times = [(0.0, 0.2), (0.6, 0.8)]
    songs = pd.DataFrame({"audio": [noise], "lyrics": ["love hurts"], "word_times": [times]})
    ours = our_explainer(separator=VocalsAndRest(), linked=True).fit(songs)
    explanation = ours.explain(songs)[0]
    enough = explanation.sufficient()
    assert enough.n_parts < len(enough.components)
    assert {"vocals@0", "love"} <= set(enough.components)


def test_donors_are_drawn_as_well(X):
    """One of two donors is as loud as the song, the other silent."""
    songs = X[:1]
    others = song_array((songs[0, 0] * 1.1, "what a day"), (0 * songs[0, 0], "what a day"))

    def is_loud(X):
        return np.column_stack([[float(np.std(y) > 0.05) for y, _ in X], np.full(len(X), 0.5)])

    ours = our_explainer(
        is_loud, output_names=["loud", "not"], fill=Donors(others, n_donors=2), modality="audio",
        segmenter=UniformSegmenter(1),
    )  # fmt: skip
    explanation = ours.fit(songs).explain(songs)[0]
    assert explanation.sufficient(target=0.7).components == ()  # 3 of 4 cases are loud
    enough = explanation.sufficient(target=0.8)
    assert not enough.found  # the whole audio is all there is
    assert not explanation.counterfactual(target=0.6).found
    half = explanation.counterfactual(target=0.4)
    assert half.components == ("mix@0",)
    assert half.probability == 0.5
    assert half.n_masks == 2


def test_sets_are_heard(X):
    explanation = our_explainer(segmenter=UniformSegmenter(4)).fit(X).explain(X)[0]
    enough, without = explanation.sufficient(), explanation.counterfactual(threshold=0.45)
    audio = explanation.components.audio
    inside = [i for i, name in enumerate(audio.names) if name in enough.components]
    assert inside
    heard = enough.sonify()
    assert heard.shape == audio.mix.shape
    for segment in range(4):
        middle = slice(audio.borders[segment] + 300, audio.borders[segment + 1] - 300)
        expected = audio.mix[middle] if segment in inside else 0
        np.testing.assert_allclose(heard[middle], expected, atol=1e-6)
    lost = without.sonify()
    for segment in range(4):
        middle = slice(audio.borders[segment] + 300, audio.borders[segment + 1] - 300)
        expected = 0 if audio.names[segment] in without.components else audio.mix[middle]
        np.testing.assert_allclose(lost[middle], expected, atol=1e-6)


@pytest.mark.slow
def test_sets_of_a_made_song(made_songs, made_model):
    """A factored model: what is found is checked by asking the whole model again."""
    X = made_songs[0].iloc[:2]
    ours = MusicLimeExplainer(made_model, n_samples=200, random_state=0, proxy=None).fit(X)
    for explanation, function in zip(ours.explain(X), ours.mask_functions(X), strict=True):
        label = function.column(explanation.labels[0])
        enough = explanation.sufficient(mask_function=function)
        assert enough.found
        rng = np.random.default_rng(99)
        masks = rng.random((400, len(explanation.components))) < 0.5
        masks[:, list(enough.positions)] = True
        kept = (function(masks).argmax(axis=1) == label).mean()
        assert kept >= 0.9 - 3 * np.sqrt(0.9 * 0.1 / 400)
        without = explanation.counterfactual(mask_function=function)
        assert without.found
        mask = np.ones((1, len(explanation.components)), dtype=bool)
        mask[0, list(without.positions)] = False
        scores = function(mask)[0]
        assert list(explanation.prediction)[scores.argmax()] == without.becomes
        assert without.becomes != explanation.labels[0]


@pytest.mark.parametrize(("n_fills", "is_exact"), [(6, True), (40, True), (900, False)])
def test_many_fills(n_fills, is_exact):
    """Without the first part the label is lost with all fills but the first tenth."""
    from sklearn_musiclime.results.sets.counterfactual import CounterfactualSearch
    from sklearn_musiclime.results.sets.questions import Questions

    def score(masks, fills):
        said = masks[:, 0] | (fills[:, 0] < n_fills // 10)
        return np.column_stack([said, ~said]).astype(float)

    kept = []
    for seed in range(20):
        questions = Questions(score, np.arange(5), Decision(0, (0, 1)), True, (n_fills, 1), 10_000)
        seeds = np.random.SeedSequence(seed)
        search = CounterfactualSearch(questions, np.arange(5)[::-1], 0.8, 0.1, 0.05, seeds)
        tested = search.run()
        if tested is None:  # by chance of the fills of the search, or of the test
            continue
        kept.append(tested.kept)
        assert tested.is_exact == is_exact
        expected = 1 - n_fills // 10 / n_fills
        if is_exact:
            assert tested.probability == pytest.approx(expected)
        assert tested.low <= expected
        assert search.is_smallest == (n_fills <= 16)
    assert len(kept) >= 15
    assert not any(one[0] for one in kept)
