"""A ranking as `pasture rank` writes it: nine methods, two seeds, and 72 of the comparisons that were judged."""

import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pasture.core.records import Estimate
from pasture.core.results import Curve, CurvePoint, Example, MethodResult, Pair, RankingResult
from pasture.eval.intervals.clusters import Scores, mean_over_seeds, means_over_seeds
from pasture.eval.rankings.rank_correlation import rank_correlation
from pasture.eval.win_rates.difference import paired_differences
from pasture.eval.win_rates.win_rate import win_rates_over_seeds

METHODS = {  # true win rate, KL in nats, mean length, has a learning curve of many steps
    "ppo": (0.72, 9.4, 18.0, True),
    "best-of-n": (0.70, 1.9, 13.1, False),
    "dpo": (0.69, 6.2, 16.4, True),
    "expert-iteration": (0.66, 2.8, 13.6, True),
    "quark": (0.61, 3.9, 14.2, True),
    "reward-conditioning": (0.56, 1.1, 12.2, True),
    "feedme": (0.55, 0.8, 12.0, True),
    "sft": (0.52, 0.4, 11.6, True),
    "base": (0.38, 0.0, 10.9, False),
}
PROMPTS, SEEDS = 100, 2
QUESTIONS = (
    "Write one sentence about the river. Mention a heron and the evening; keep it under 15 words.",
    "List three things to pack for a day in the hills. Use a friendly tone.",
    "What is the capital of Norway? Answer in one short sentence and do not apologise.",
    "Tell Ada, who is seven, why the sky is blue. Avoid the word 'scatter'.",
)
RATIONALE = "Prefers the answer that mentions what was asked for; the other one runs on."


@pytest.fixture(scope="session")
def ranking() -> RankingResult:
    rng = np.random.default_rng(11)
    ease_P = rng.normal(0, 0.12, PROMPTS)
    scores = {m: [_verdicts(rng, rate, ease_P) for _ in range(SEEDS)] for m, (rate, *_) in METHODS.items()}
    gold = {
        m: np.clip(rate + 0.03 + ease_P + rng.normal(0, 0.05, (SEEDS, PROMPTS)) + rng.normal(0, 0.02, (SEEDS, 1)), 0, 1)
        for m, (rate, *_) in METHODS.items()
    }
    rates, gold_rates = win_rates_over_seeds(scores), means_over_seeds(gold)
    values = means_over_seeds({m: np.log(gold_SP.clip(0.01, 0.99) / (1 - gold_SP.clip(0.01, 0.99))) for m, gold_SP in gold.items()})
    results = [_result(rng, m, rates[m], gold_rates[m], values[m]) for m in METHODS]
    results.sort(key=lambda each: -(each.win_rate.value or 0))
    order = [each.method for each in results]
    judged_MP = np.array([np.mean([s.scores_N for s in scores[m]], axis=0) for m in order])
    rho, tau = rank_correlation(judged_MP, np.array([gold[m].mean(axis=0) for m in order]), seed=0)
    curves = tuple(_curve(rng, m, seed) for m in order for seed in range(SEEDS))
    examples = tuple(_example(rng, m, seed, k) for m in order for seed in range(SEEDS) for k in range(4))
    pairs = tuple(Pair(*names, each) for names, each in paired_differences({m: scores[m] for m in order}).items())
    return RankingResult("text", "flip(pool, 0.25)", "pool", tuple(results), rho, tau, curves, examples, _manifest(), pairs)


def _verdicts(rng: np.random.Generator, rate: float, ease_P: np.ndarray) -> Scores:
    p_P = np.clip(rate + ease_P + rng.normal(0, 0.03), 0.02, 0.98)
    return Scores((rng.random(PROMPTS) < p_P).astype(float), [f"p{k}" for k in range(PROMPTS)], int(rng.integers(0, 3)))


def _result(rng: np.random.Generator, method: str, win_rate: Estimate, gold_rate: Estimate, gold_value: Estimate) -> MethodResult:
    _, kl, length, _ = METHODS[method]
    return MethodResult(
        method,
        win_rate,
        gold_rate,
        gold_value,
        mean_over_seeds(np.array([[kl + rng.normal(0, 0.05 * kl)] for _ in range(SEEDS)])),
        length,
        SEEDS,
        0 if method == "base" else 400,
        0.3 if method == "base" else float(rng.uniform(4, 40)),
    )


def _curve(rng: np.random.Generator, method: str, seed: int) -> Curve:
    rate, kl, length, many = METHODS[method]
    steps = 1 if not many else 25
    points = []
    for step in range(1, steps + 1):
        done = step / steps
        rise = 1 - np.exp(-3 * done)
        reward = None if method == "sft" else float(-0.4 + 3 * (rate - 0.4) * rise + rng.normal(0, 0.08))
        entropy = float(1.9 - 0.12 * kl * done + rng.normal(0, 0.02))
        points.append(
            CurvePoint(step * 10, reward, float(kl * done), float(11 + (length - 11) * done), entropy, {"loss": 1 - done})
        )
    return Curve(method, seed, tuple(points))


def _example(rng: np.random.Generator, method: str, seed: int, number: int) -> Example:
    p = (0.91, 0.12, 0.5, None)[number]
    gold = float(rng.normal(0.6, 1))
    return Example(
        method,
        seed,
        QUESTIONS[number],
        f"A heron waits by the river until evening, in the manner of {method}.\nIt does not hurry.",
        "The river is a river and it is wet, and there was also a bird of some kind in it at the time.",
        "candidate" if (number + seed) % 2 else "rival",
        p,
        "pool",
        "" if p is None else RATIONALE,
        gold,
        float(rng.normal(0, 1)),
    )


def _manifest() -> dict:
    return {
        "made": "2026-11-21T10:30:00+00:00",
        "platform": "Linux x86_64, 2 cores",
        "versions": {"python": "3.11.7", "pasture": "0.1.0", "numpy": "2.3.5", "torch": "2.13.0+cpu", "transformers": "5.19.0"},
        "suite": {"world": "text", "feedback": "pool", "flip": 0.25, "labels": 400, "seeds": 2, "methods": {"dpo": {"beta": 0.1}}},
        "seconds": 173.4,
        "seconds_by_stage": {"base policy": 41.2, "train": 96.0, "sample": 22.7, "judge": 13.5},
        "cells": 18,
        "cost": {"labels": 6400, "requests": 0, "dollars": 0.0},
    }


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    reason = "the page is opened in a browser by Playwright: pip install 'pasture[dev]'"
    sync_api = pytest.importorskip("playwright.sync_api", reason=reason)
    path = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium on this machine: the page was NOT opened in a browser; install chromium to run this")
    with sync_api.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        yield chromium
        chromium.close()
