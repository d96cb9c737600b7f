"""A router's features are the pair's own, its model recovers planted gains, and its budget goes where the cheap source errs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pasture.annotators.runner import annotate
from pasture.annotators.scripted.pairs import First, Longest
from pasture.annotators.systems.hyper_routing.router import (
    NAMES,
    HyperRouting,
    Router,
    edges,
    features,
    fit_router,
    tag_names,
    tags,
)
from pasture.benchmarks.claims.hyper_routing import run
from pasture.core.errors import InputError
from pasture.core.records import Comparison, Completion, Preference, Prompt
from pasture.core.seeds import rng_for


def some_pairs(count: int) -> list[Comparison]:
    """A quarter of the prompts forbid something; lengths vary."""
    made = []
    for number in range(count):
        rng = rng_for(0, "pairs", number)
        prompt = Prompt(f"item {'x' * (number % 5)} {'Never say so.' if rng.random() < 0.25 else 'Say so.'} n{number}")
        made.append(Comparison(*(Completion(prompt, " ".join(["word"] * int(rng.integers(1, 30)) + [end])) for end in "ab")))
    return made


def labelled(pairs: list[Comparison], p_left: float, name: str) -> list[Preference]:
    return [Preference(each, p_left, name) for each in pairs]


def planted(labels: list[Preference]) -> float:
    """A score that gains one for each pair that forbids something and was labelled by the expensive source."""
    return float(sum(each.annotator == "expensive" and "Never" in each.comparison.prompt.text for each in labels))


def test_features_are_those_of_the_pair_and_the_same_for_its_swap():
    prompt = Prompt("Write a list, never say no?")
    pair = Comparison(Completion(prompt, "- a b\n- c d"), Completion(prompt, "I cannot do that"))
    (found,) = features([pair])
    named = dict(zip(NAMES, found, strict=True))
    # 6 and 4 words; {-, a, b, c, d} and {I, cannot, do, that} share none of 9
    assert (named["prompt words"], named["shorter answer"], named["longer answer"], named["difference of length"]) == (6, 4, 6, 2)
    assert named["word overlap"] == 0.0
    tagged = {"refuses", "asks a question", "asks for a list", "forbids", "asks to write", "one has a list"}
    assert {name for name in NAMES[6:] if named[name]} == tagged
    assert (features([pair.swapped()])[0] == found).all()


def test_numbers_are_cut_into_equal_parts_and_tags_are_kept():
    values_NF = features(some_pairs(300))
    tags_NT = tags(values_NF, edges(values_NF))
    assert tags_NT.shape == (300, len(tag_names()))
    longer = [tag_names().index(f"longer answer: {size}") for size in ("low", "middle", "high")]
    assert (tags_NT[:, longer].sum(axis=1) == 1).all()
    assert tags_NT[:, longer].mean(axis=0) == pytest.approx([1 / 3] * 3, abs=0.07)
    assert (tags_NT[:, tag_names().index("forbids")] == values_NF[:, NAMES.index("forbids")]).all()


def test_the_model_recovers_planted_gains():
    pairs = some_pairs(300)
    router = fit_router(pairs, labelled(pairs, 0.0, "cheap"), labelled(pairs, 1.0, "expensive"), planted)  # pyright: ignore[reportArgumentType]
    assert router.explained > 0.99
    gains_N = router.gain(pairs)
    forbids_N = np.array(["Never" in each.prompt.text for each in pairs])
    assert gains_N[forbids_N].min() - gains_N[~forbids_N].max() == pytest.approx(1.0, abs=0.2)
    assert router.strongest(1)[0] == ("forbids", pytest.approx(1.0, abs=0.1))


@pytest.mark.slow
def test_a_budget_is_kept_exactly_among_known_items_and_nearly_among_others(tmp_path: Path):
    pairs, others = some_pairs(300), some_pairs(800)[300:]
    router = fit_router(pairs, labelled(pairs, 0.0, "cheap"), labelled(pairs, 1.0, "expensive"), planted, splits=100)  # pyright: ignore[reportArgumentType]
    router.save(tmp_path / "router.json")
    for budget in (0.0, 0.1, 0.25, 1.0):
        exact = HyperRouting([First(), Longest()], router, budget, among=others)
        loaded = HyperRouting([First(), Longest()], tmp_path / "router.json", budget)
        for annotator, slack in ((exact, 0.0), (loaded, 0.05)):
            said = annotate(others, annotator).preferences
            assert np.mean([each.persona == "longest" for each in said]) == pytest.approx(budget, abs=slack + 1e-9)
            turned = annotate([each.swapped() for each in others[::-1]], annotator, window=7).preferences[::-1]
            assert [each.persona for each in turned] == [each.persona for each in said]
    sent = [each for each in others if HyperRouting([First(), Longest()], router, 0.2).is_sent(each, rng_for(0))]
    assert np.mean(["Never" in each.prompt.text for each in sent]) > 0.95


def test_without_a_router_pairs_are_sent_at_random():
    said = annotate(some_pairs(1000), HyperRouting([First(), Longest()], budget=0.3)).preferences
    assert 0.25 < np.mean([each.persona == "longest" for each in said]) < 0.35


@pytest.mark.slow
def test_the_router_beats_chance_and_either_source_at_the_price_of_both():
    mean = {each.name: each.estimate.value for each in run(2, splits=150) if each.group in ("accuracy", "routing")}
    # 30 % of the pairs are sent where 28 % are the slice: at random 30 % of the slice would be
    assert mean["of the slice sent"] > 0.55
    assert mean["sent"] == pytest.approx(0.3, abs=0.06)
    assert mean["routed"] > mean["random"] + 0.03
    assert mean["routed"] > mean["cheap alone"] + 0.1
    assert mean["routed"] > mean["expensive alone"]


def test_what_does_not_fit_is_named(tmp_path: Path):
    pairs = some_pairs(10)
    with pytest.raises(InputError, match="10 pairs, 9 cheap and 10 expensive labels"):
        fit_router(pairs, labelled(pairs, 0.0, "cheap")[1:], labelled(pairs, 1.0, "expensive"), planted)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="two members, the cheap one and the expensive one, and was given 1"):
        HyperRouting([First()])
    with pytest.raises(InputError, match="the budget is 2;"):
        HyperRouting([First(), Longest()], budget=2)
    with pytest.raises(InputError, match="there is no `router`"):
        HyperRouting([First(), Longest()], among=pairs)
    (tmp_path / "no.json").write_text('{"weights": [1.0]}')
    with pytest.raises(InputError, match=r"cannot be read \(.*; give a router made with"):
        Router.load(tmp_path / "no.json")
