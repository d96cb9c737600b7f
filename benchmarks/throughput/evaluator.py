"""How fast length control and leaderboards are, beside AlpacaEval's own fit: `python -m pasture.benchmarks.throughput.evaluator`.

Everything is simulated, so that it runs anywhere. The peer is AlpacaEval 0.6.6's `fit_LogisticRegressionCV` line for line (its
package needs an old pandas, and the network): scikit-learn's LogisticRegressionCV on doubled rows, 5 folds of 10 penalties. The
peer of Bradley-Terry is evalica. Both see the same data, in one run; seconds are of the wall clock, with the CPU's in brackets."""

import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import evalica
import numpy as np

from ...core.seeds import rng_for
from ...eval.files.alpaca_eval import Judgments
from ...eval.leaderboards.leaderboard import Weights, leaderboard
from ...eval.leaderboards.length_control import Anchor
from ...eval.leaderboards.mediators import length_difference
from ...eval.leaderboards.published import Published, refit
from ...eval.rankings.battles import battles
from ...eval.rankings.bradley_terry import bradley_terry_ratings

PROMPTS = 805
BARS = {"length control": 5.0, "leaderboard": 10.0, "Bradley-Terry": 1.0}


def main() -> None:
    hard, anchor = _published()
    published = Published(difficulty=hard, anchor=anchor)
    few = _judgments(28, "lc")
    ours = _timed("length control, 28 models x 805, no intervals", lambda: [refit(each, published) for each in few])
    again = "the same with intervals (200 resamples)"
    _timed(again, lambda: [refit(each, published, resamples=200) for each in few], "length control")
    theirs = _timed("AlpacaEval's own fit of the same", lambda: [_peer(each, hard, anchor) for each in few])
    off = [100 * abs((one.estimate.value or 0) - other) for one, other in zip(ours, theirs, strict=True)]
    print(f"  difference in points: median {np.median(off):.4f}, largest {max(off):.4f} (where folds choose another penalty)")
    many = _judgments(200, "board")
    board = "leaderboard, 200 models x 805, own difficulty, intervals"
    fitted = _timed(board, lambda: leaderboard(many, weights=Weights.OWN), "leaderboard")
    print(f"  {sum(row.length_controlled.value is not None for row in fitted)} of {len(fitted)} defined")
    rng = rng_for(0, "battles")
    left = rng.integers(0, 20, size=4000)
    right = (left + rng.integers(1, 20, size=4000)) % 20
    won, asked = rng.random(4000) < 1 / (1 + np.exp((right - left) / 8)), rng.integers(0, PROMPTS, size=4000).tolist()
    fought = battles(list(map(str, left)), list(map(str, right)), won, asked)
    _timed("Bradley-Terry, 4,000 battles, 200 resamples", lambda: bradley_terry_ratings(fought, resamples=200), "Bradley-Terry")
    # evalica's draws battles (by percentiles; its default, BCa, takes minutes), ours draws prompts, which it cannot
    winners = [evalica.Winner.X if p > 0.5 else evalica.Winner.Y for p in fought.p_left_N]
    sides = evalica.bradley_terry, fought.left_N.tolist(), fought.right_N.tolist()
    options: Any = {"n_resamples": 200, "bootstrap_method": "percentile", "random_state": 0}
    peer: Any = evalica.bootstrap
    _timed("evalica's bootstrap of the same, by battle", lambda: peer(*sides, winners, **options))


def _timed(what: str, work: Callable[[], Any], bar: str = "") -> Any:
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    spent = f"{time.perf_counter() - wall:.2f} s ({time.process_time() - cpu:.2f})"
    print(f"{what}: {spent}{f', the bar is {BARS[bar]:g} s' if bar else ''}")
    return found


def _judgments(models: int, key: str) -> list[Judgments]:
    """Soft verdicts of a judge that likes length, on prompts of different difficulty."""
    hard_N = rng_for(0, "difficulty").normal(size=PROMPTS)
    lengths_N = rng_for(0, "baseline").integers(300, 3000, size=PROMPTS).astype(float)
    found = []
    for number in range(models):
        rng = rng_for(0, key, number)
        ours_N = np.round(lengths_N * rng.uniform(0.3, 1.4) * rng.uniform(0.6, 1.5, size=PROMPTS))
        eta_N = rng.normal(-1) + 0.6 * hard_N + np.tanh((ours_N - lengths_N) / 900) + rng.normal(0, 2, size=PROMPTS)
        scores_N = 1 / (1 + np.exp(-eta_N))
        found.append(Judgments(f"model {number}", "judge", "base", tuple(range(PROMPTS)), scores_N, ours_N, lengths_N))
    return found


def _published() -> tuple[dict[Any, float], Anchor]:
    """Difficulty, and two gamed baselines on every prompt."""
    rng = rng_for(0, "gamed")
    ids = [*range(PROMPTS), *range(PROMPTS)]
    shift_N = np.repeat([-1.0, 1.0], PROMPTS) + rng.normal(0, 0.7, size=2 * PROMPTS)
    scores_N = 1 / (1 + np.exp(shift_N + rng.normal(0, 1, size=2 * PROMPTS)))
    difficulty = dict(enumerate(rng_for(0, "difficulty").normal(size=PROMPTS).tolist()))
    return difficulty, Anchor(ids, scores_N, {"length": np.tanh(shift_N)})


def _peer(of: Any, hard: Mapping[Any, float], anchor: Anchor) -> float:
    """AlpacaEval's length-controlled win rate in [0, 1] (glm_winrate.py), with today's scikit-learn."""
    import sklearn
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.metrics import make_scorer
    from sklearn.model_selection import GroupKFold

    longer_N = length_difference(of.lengths_N, of.baseline_lengths_N)
    mine = np.column_stack([longer_N, [hard[each] for each in of.ids], np.ones(PROMPTS)])
    gamed = np.column_stack([anchor.mediators["length"], [hard[each] for each in anchor.ids], np.zeros(len(anchor.ids))])
    rows, prob = np.concatenate([gamed, mine]), np.concatenate([anchor.scores_N, of.scores_N])
    weight = np.concatenate([np.full(len(gamed), anchor.weight), np.ones(PROMPTS)])
    true_prob, true_weight = np.concatenate([prob, 1 - prob]), np.tile(weight, 2)

    def soft_log_loss(y_true: Any, y_pred: Any, true_prob: Any, true_sample_weight: Any) -> float:
        y_true, y_pred = np.where(y_true == 1, true_prob, 1 - true_prob), np.clip(y_pred, 1e-15, 1 - 1e-15)
        return -np.mean((y_true * np.log(y_pred) + (1 - y_true) * np.log(1 - y_pred)) * true_sample_weight)

    with sklearn.config_context(enable_metadata_routing=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scorer = make_scorer(soft_log_loss, response_method="predict_proba", greater_is_better=False)
        scorer = scorer.set_score_request(true_sample_weight=True, true_prob=True)
        options: Any = {"cv": GroupKFold(n_splits=5), "scoring": scorer, "l1_ratios": (1,), "solver": "liblinear"}
        model = LogisticRegressionCV(**options, random_state=123, fit_intercept=False)
        model.set_fit_request(sample_weight=True)
        groups = np.tile(np.arange(len(rows)), 2)
        model.fit(
            np.tile(rows, (2, 1)), np.repeat([1, 0], len(rows)), sample_weight=true_prob * true_weight, groups=groups,
            true_sample_weight=true_weight, true_prob=true_prob,
        )  # fmt: skip
    _, difficulty, strength = model.coef_[0]
    return float((1 / (1 + np.exp(-(mine[:, 1] * difficulty + strength)))).mean())


if __name__ == "__main__":
    main()
