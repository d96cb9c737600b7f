"""Aggregation of labels: planted truth, a second implementation, climbing likelihoods, and no trust in a majority of spammers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pasture.core.errors import InputError
from pasture.core.records import Abstention, Comparison, Completion, Preference, Prompt, Reason
from pasture.core.seeds import rng_for
from pasture.eval.labels.consensus import Consensus, majority
from pasture.eval.labels.dawid_skene import dawid_skene, one_coin
from pasture.eval.labels.glad import glad
from pasture.eval.labels.votes import Votes, votes, votes_of_feedback

MODELS: dict[str, Callable[..., Consensus]] = {"dawid-skene": dawid_skene, "one-coin": one_coin, "glad": glad}
each_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())


def simulated(seed: int, confusion_WLL: np.ndarray, items: int, votes_an_item: int | None = None) -> tuple[np.ndarray, Votes]:
    """(truth_I, votes) of workers with these confusion matrices; every worker labels everything, or so many an item."""
    rng = rng_for(seed, "planted crowd")
    workers, labels = confusion_WLL.shape[:2]
    truth_I = rng.integers(labels, size=items)
    rows = [
        (w, i, int(rng.choice(labels, p=confusion_WLL[w, truth_I[i]])))
        for i in range(items)
        for w in rng.choice(workers, votes_an_item or workers, replace=False).tolist()
    ]
    return truth_I, votes(*(list(column) for column in zip(*rows, strict=True)), known=range(labels))


def coins(accuracies: list[float], labels: int = 2) -> np.ndarray:
    return np.stack(
        [np.full((labels, labels), (1 - a) / (labels - 1)) + (a - (1 - a) / (labels - 1)) * np.eye(labels) for a in accuracies]
    )


def accuracy(found: Consensus, truth_I: np.ndarray) -> float:
    return float(np.mean([0.5 if found.label[i] is None else found.label[i] == z for i, z in enumerate(truth_I)]))


def test_majority_by_hand():
    # item 1: a a b -> a; item 2: a b -> nobody; item 3: nobody voted
    of = votes(["x", "y", "z", "x", "y", "z"], [1, 1, 1, 2, 2, 3], ["a", "a", "b", "a", "b", None])
    found = majority(of)
    assert found.label == {1: "a", 2: None, 3: None}
    assert found.posterior_IL == pytest.approx(np.array([[2 / 3, 1 / 3], [0.5, 0.5], [0.5, 0.5]]))
    assert (found.votes, found.abstentions) == (5, 1)
    # x on item 1: the others say a and b, two modes, so 1/2; on item 2 the other says b, so 0
    assert found.reliability["x"].value == pytest.approx(0.25)
    # z on item 1: the others both say a, and z said b; its abstention is counted and is no vote
    assert found.reliability["z"].value == 0.0
    assert (found.reliability["z"].n, found.reliability["z"].abstentions) == (1, 1)


@each_model
def test_the_objective_is_the_likelihood_that_enumeration_gives(model):
    """Sum over all 2^5 labellings of P(labelling) P(votes | labelling), from the parameters that came back."""
    _, of = simulated(3, coins([0.9, 0.8, 0.7]), items=5)
    found = model(of, restarts=0, resamples=0)

    def log_said(w: int, z: int, label: int, i: int) -> float:
        if "confusion_WLL" in found.details:
            return float(np.log(found.details["confusion_WLL"][w, z, label]))
        if "ability_W" in found.details:
            p = 1 / (1 + np.exp(-found.details["ability_W"][w] * np.exp(found.details["log_easiness_I"][i])))
        else:
            p = found.reliability[w].value
        return math.log(p if label == z else 1 - p)

    total, of_first = 0.0, 0.0
    for labelling in itertools.product(range(2), repeat=5):
        log_p = sum(math.log(found.prior_L[z]) for z in labelling)
        log_p += sum(log_said(w, labelling[i], k, i) for w, i, k in zip(of.worker_V, of.item_V, of.label_V, strict=True))
        total += math.exp(log_p)
        of_first += math.exp(log_p) * (labelling[0] == 0)
    beliefs = 0.1 * np.log(found.prior_L).sum()
    if "confusion_WLL" in found.details:
        beliefs += 0.1 * np.log(found.details["confusion_WLL"]).sum()
    elif "ability_W" in found.details:
        beliefs -= ((found.details["ability_W"] - 1) ** 2).sum() / 2 + ((found.details["log_easiness_I"] - 1) ** 2).sum() / 2
    else:
        beliefs += 0.1 * sum(math.log(e.value) + math.log(1 - e.value) for e in found.reliability.values() if e.value)
    assert math.log(total) + beliefs == pytest.approx(found.history[-1], abs=1e-5)
    assert of_first / total == pytest.approx(found.posterior_IL[0, 0], abs=1e-6)


def second_dawid_skene(of: Votes, smoothing: float, rounds: int) -> tuple[list[list[float]], list[list[list[float]]]]:
    """Dawid and Skene's equations 2.3 to 2.5 with loops, from the vote shares."""
    rows = list(zip(of.worker_V.tolist(), of.item_V.tolist(), of.label_V.tolist(), strict=True))
    labels, items, workers = range(len(of.labels)), range(len(of.items)), range(len(of.workers))
    belief = []
    for i in items:
        said = [k for _, j, k in rows if j == i]
        belief.append([said.count(z) / len(said) for z in labels])
    matrix: list[list[list[float]]] = []
    for _ in range(rounds):
        matrix = [[[smoothing for _ in labels] for _ in labels] for _ in workers]
        for w, i, k in rows:
            for z in labels:
                matrix[w][z][k] += belief[i][z]
        matrix = [[[cell / sum(row) for cell in row] for row in each] for each in matrix]
        prior = [smoothing + sum(belief[i][z] for i in items) for z in labels]
        prior = [p / sum(prior) for p in prior]
        for i in items:
            joint = [prior[z] * math.prod(matrix[w][z][k] for w, j, k in rows if j == i) for z in labels]
            belief[i] = [p / sum(joint) for p in joint]
    return belief, matrix


def test_dawid_skene_is_what_a_second_implementation_finds():
    _, of = simulated(1, coins([0.9, 0.75, 0.7, 0.6], labels=3), items=40)
    found = dawid_skene(of, restarts=0, resamples=0)
    belief, matrix = second_dawid_skene(of, 0.1, len(found.history))
    assert found.posterior_IL == pytest.approx(np.array(belief), abs=1e-4)
    assert found.details["confusion_WLL"] == pytest.approx(np.array(matrix), abs=1e-4)


def test_one_coin_with_known_labels_is_the_share_of_right_answers():
    # five experts agree on everything, so the labels are known; w is right 7 times of 10: (7 + .1) / (10 + .2)
    truth = ["a", "b"] * 5
    rows = [(f"expert {e}", i, truth[i]) for e in range(5) for i in range(10)]
    rows += [("w", i, truth[i] if i < 7 else {"a": "b", "b": "a"}[truth[i]]) for i in range(10)]
    found = one_coin(votes(*(list(c) for c in zip(*rows, strict=True))), resamples=0)
    assert [found.label[i] for i in range(10)] == truth
    assert found.reliability["w"].value == pytest.approx(7.1 / 10.2, abs=1e-4)


@each_model
def test_the_objective_never_falls_and_far_starts_end_at_the_same_place(model):
    truth_I, of = simulated(2, coins([0.9, 0.85, 0.8, 0.7, 0.6, 0.55]), items=150)
    near = model(of, resamples=0)
    starts = {
        "votes": None,
        "nearly even": rng_for(6, "start").dirichlet([50, 50], 150),
        "random": rng_for(5, "start").dirichlet([1, 1], 150),
        "all wrong": near.posterior_IL[:, ::-1],
    }
    for name, start_IL in starts.items():
        found = model(of, resamples=0, restarts=0, start_IL=start_IL)
        assert (np.diff(found.history) >= -1e-9 * abs(found.history[-1])).all(), name
        assert found.converged, name
        assert accuracy(found, truth_I) == pytest.approx(accuracy(near, truth_I), abs=0.02), name
        assert found.history[-1] == pytest.approx(near.history[-1], abs=0.01), name


@pytest.mark.slow
def test_the_known_figures_of_a_like_simulation_come_back_in_order():
    """crowd-kit on 1,000 items x 5 labels, 12 workers of accuracy .55 to .9: majority .874, Dawid-Skene .901, one-coin .904, GLAD
    .899; the standard error of one such figure is .01, and of the gain over the majority about .007."""
    found = {name: [] for name in (*MODELS, "majority")}
    for seed in range(3):
        truth_I, of = simulated(seed, coins(np.linspace(0.55, 0.9, 12).tolist()), items=1000, votes_an_item=5)
        found["majority"].append(accuracy(majority(of), truth_I))
        for name, model in MODELS.items():
            found[name].append(accuracy(model(of, restarts=0, resamples=0), truth_I))
    mean = {name: float(np.mean(values)) for name, values in found.items()}
    for name, theirs in {"majority": 0.874, "dawid-skene": 0.901, "one-coin": 0.904, "glad": 0.899}.items():
        assert mean[name] == pytest.approx(theirs, abs=0.02), mean
    assert all(mean[name] > mean["majority"] + 0.01 for name in MODELS), mean


def test_spammers_who_outnumber_the_honest_do_not_decide():
    # six who say 0 nine times in ten without looking, and four who are right at .85
    spam = np.tile([0.9, 0.1], (6, 2, 1))
    truth_I, of = simulated(0, np.concatenate([spam, coins([0.85] * 4)]), items=400)
    found = dawid_skene(of, resamples=0)
    assert accuracy(majority(of), truth_I) < 0.75
    assert accuracy(found, truth_I) > 0.92  # four of .85 alone reach .89 + .5 * .098 = .94 by vote
    assert found.details["balanced_W"][:6] == pytest.approx(np.full(6, 0.5), abs=0.12)
    assert found.details["balanced_W"][6:] == pytest.approx(np.full(4, 0.85), abs=0.08)


@each_model
def test_those_who_guess_get_the_reliability_of_guessing_though_they_are_most(model):
    truth_I, of = simulated(4, coins([0.5] * 7 + [0.92, 0.9, 0.88]), items=300)
    found = model(of, resamples=0)
    assert accuracy(majority(of), truth_I) < 0.9
    assert accuracy(found, truth_I) > 0.95
    values = [found.reliability[w].value for w in range(10)]
    # one standard error is .03; GLAD weighs items by easiness, and so gives a guesser more room
    assert values[:7] == pytest.approx([0.5] * 7, abs=0.15 if model is glad else 0.1)
    assert min(v for v in values[7:] if v) > 0.8


def test_a_deceiver_is_found_and_used():
    truth_I, of = simulated(6, coins([0.8, 0.75, 0.75, 0.1]), items=400)
    for model in (dawid_skene, one_coin):
        found = model(of, resamples=0)
        assert found.reliability[3].value == pytest.approx(0.1, abs=0.06)
        assert accuracy(found, truth_I) > 0.9 > accuracy(majority(of), truth_I)


def test_planted_confusion_matrices_come_back():
    planted = np.array(
        [
            [[0.9, 0.05, 0.05], [0.3, 0.6, 0.1], [0.1, 0.1, 0.8]],
            [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.0, 0.4, 0.6]],
            *coins([0.8, 0.75, 0.7], labels=3),
        ]
    )
    _, of = simulated(8, planted, items=1500)
    assert dawid_skene(of, restarts=2, resamples=0).details["confusion_WLL"] == pytest.approx(planted, abs=0.08)


def test_easy_items_are_told_from_hard_ones():
    rng = rng_for(0, "glad")
    easy_I, ability_W = np.repeat([2.0, 0.3], 100), rng.uniform(0.5, 2.0, 15)
    p_WI = 1 / (1 + np.exp(-ability_W[:, None] * easy_I))
    right_WI = rng.random(p_WI.shape) < p_WI
    truth_I = rng.integers(2, size=200)
    rows = [(w, i, int(truth_I[i] if right_WI[w, i] else 1 - truth_I[i])) for w in range(15) for i in range(200)]
    found = glad(votes(*(list(c) for c in zip(*rows, strict=True))), resamples=0)
    easiness = found.details["log_easiness_I"]
    assert easiness[:100].mean() > easiness[100:].mean() + 0.5
    assert np.corrcoef(found.details["ability_W"], ability_W)[0, 1] > 0.8
    assert accuracy(found, truth_I) > accuracy(majority(votes(*(list(c) for c in zip(*rows, strict=True)))), truth_I) - 0.005


@pytest.mark.slow
@pytest.mark.parametrize("model", [dawid_skene, one_coin], ids=["dawid-skene", "one-coin"])
def test_intervals_hold_the_planted_accuracy_at_about_the_stated_rate(model):
    planted = [0.9, 0.85, 0.8, 0.75, 0.7, 0.6]
    held = 0
    for seed in range(30):
        _, of = simulated(100 + seed, coins(planted), items=250)
        found = model(of, restarts=0, resamples=60, seed=seed)
        held += sum(found.reliability[w].low <= a <= found.reliability[w].high for w, a in enumerate(planted))
    assert held / 180 >= 0.95 - 4 * math.sqrt(0.95 * 0.05 / 180)  # nominally 95 %
    assert held / 180 < 1  # intervals that always hold are too wide to be of use


table = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 7), st.sampled_from(["a", "b", "c", None])), min_size=1, max_size=40
).filter(lambda rows: len({label for _, _, label in rows if label}) > 1)


def columns(rows: list[tuple[int, int, str | None]]) -> tuple[list[int], list[int], list[str | None]]:
    return [w for w, _, _ in rows], [i for _, i, _ in rows], [k for _, _, k in rows]


@settings(max_examples=10, deadline=None)
@given(rows=table, data=st.data())
def test_the_order_of_votes_changes_nothing_and_abstentions_are_missing_data(rows, data):
    shuffled = data.draw(st.permutations(rows))
    said = [row for row in rows if row[2] is not None]
    for model in (majority, dawid_skene, one_coin, glad):
        options = {} if model is majority else {"resamples": 2, "restarts": 2}
        one, other = model(votes(*columns(rows)), **options), model(votes(*columns(shuffled)), **options)
        assert one.label == other.label
        assert one.posterior_IL.tolist() == other.posterior_IL.tolist()
        assert one.reliability == other.reliability
        assert (np.diff(one.history) >= -1e-7).all()
        assert one.posterior_IL.sum(axis=1) == pytest.approx(np.ones(len(one.items)))
    bare = votes(*columns(said))
    fuller = votes(*columns([(w, i, k) for w, i, k in said] + [(w, i, None) for w, i, _ in said]))
    assert one_coin(bare, resamples=0).posterior_IL.tolist() == one_coin(fuller, resamples=0).posterior_IL.tolist()
    assert fuller.abstentions == len(said)


# Fixed examples: where the climb passes a saddle, when it leaves it is up to rounding, and two paths differ on the way to one end.
@settings(max_examples=10, deadline=None, derandomize=True)
@given(rows=table)
def test_renaming_workers_items_and_labels_renames_the_answer(rows):
    renamed = [(-w, -i, {"a": "z", "b": "y", "c": "x", None: None}[k]) for w, i, k in rows]
    for model in (majority, dawid_skene, one_coin, glad):
        options = {} if model is majority else {"resamples": 0, "restarts": 0}
        one, other = model(votes(*columns(rows)), **options), model(votes(*columns(renamed)), **options)
        if model is not majority:
            assert other.history == pytest.approx(one.history, abs=1e-6)
        if model in (majority, glad):  # the others choose among labellings of one likelihood, and may have to choose by place
            assert other.posterior_IL[::-1, ::-1] == pytest.approx(one.posterior_IL, abs=1e-5)


def test_an_item_that_nobody_labelled_has_no_label_and_a_silent_worker_no_reliability():
    of = votes(["x", "y", "z", "x", "y", "w"], [1, 1, 1, 2, 2, 3], ["a", "a", "b", "b", "b", None])
    for model in MODELS.values():
        found = model(of, resamples=5)
        assert found.label[3] is None
        assert found.reliability["w"].value is None
        assert found.reliability["w"].abstentions == 1
        assert found.reliability["x"].n == 2


def test_feedback_on_pairs_becomes_votes_whichever_way_round_it_was_shown():
    prompt = Prompt("which?")
    pair = Comparison(Completion(prompt, "alpha"), Completion(prompt, "beta"))
    of = votes_of_feedback(
        [
            Preference(pair, 1.0, "judge"),
            Preference(pair.swapped(), 0.2, "judge", persona="p1"),
            Preference(pair, 0.5, "judge"),
            Abstention(pair, Reason.UNPARSABLE, "judge"),
        ]
    )
    assert of.labels == ("first", "tie")
    assert of.workers == ("judge", "p1")
    assert of.counts_IL().tolist() == [[2.0, 1.0]]
    assert of.abstained == {"judge": 1, "p1": 0}


def test_what_cannot_be_aggregated_is_an_error():
    with pytest.raises(InputError, match="no vote to aggregate, and 1 abstentions"):
        majority(votes(["x"], [1], [None]))
    with pytest.raises(InputError, match="every vote is 'a'"):
        dawid_skene(votes(["x"], [1], ["a"]))
    with pytest.raises(InputError, match="2, 1 and 1 rows"):
        votes(["x", "y"], [1], ["a"])
    with pytest.raises(InputError, match="which `known` does not list"):
        votes(["x"], [1], ["a"], known=["b"])
    of = votes(["x", "y"], [1, 1], ["a", "b"])
    with pytest.raises(InputError, match="smoothing is 0"):
        one_coin(of, smoothing=0)
    with pytest.raises(InputError, match="the start has shape"):
        glad(of, start_IL=np.ones((3, 2)))
    with pytest.raises(InputError, match="not probabilities"):
        glad(of, start_IL=np.ones((1, 2)))


def test_that_neither_is_acceptable_is_no_vote():
    pair = Comparison(Completion(Prompt("q"), "a"), Completion(Prompt("q"), "b"))
    said = [Preference(pair, 1.0, "x"), Abstention(pair, Reason.NEITHER, "y"), Preference(pair, 0.5, "z")]
    of = votes_of_feedback(said)
    assert (len(of), dict(of.abstained)) == (2, {"x": 0, "y": 1, "z": 0})
