"""The loop of losses on pairs: plain steps down the loss, and a method of a few lines that a page shows."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pasture
import pytest
import torch
from pasture.core.registry import load_target
from pasture.core.seeds import rng_for
from pasture.methods.pairwise import dpo, loop
from pasture.methods.pairwise.dpo import dpo_loss

PAGE = Path(pasture.__file__).parent / "docs/methods/dpo.md"


def test_training_is_adamw_on_the_mean_loss(world, source, label, log):
    start = world.base_policy(0)
    preferences = label(start)
    lefts, rights = ([getattr(each.comparison, side) for each in preferences] for side in ("left", "right"))
    settings = {"learning_rate": 0.05, "epochs": 5, "batch_size": 10_000, "warmup": 0.0, "max_grad_norm": 1e9}
    made = dpo.train(start, source(preferences), dpo.Config(**settings, beta=0.3), rng=rng_for(0), log=log)

    twin = start.copy()
    adamw = torch.optim.AdamW(twin.parameters(), lr=0.05, weight_decay=0.0)
    p_left = torch.tensor([each.p_left for each in preferences], dtype=torch.float64)
    references = [start.token_scores(side).sequence_logprobs().detach() for side in (lefts, rights)]
    for _ in range(5):
        left, right = (twin.token_scores(side).sequence_logprobs() for side in (lefts, rights))
        loss = dpo_loss(left, right, *references, p_left, 0.3).mean()
        adamw.zero_grad()
        loss.backward()
        adamw.step()
    torch.testing.assert_close(made.theta, twin.theta, atol=1e-9, rtol=0)
    assert made.theta.abs().max() > 0.1
    gains = [0.3 * (each - reference).detach() for each, reference in zip((left, right), references, strict=True)]
    assert log.lines[-1]["loss"] == pytest.approx(loss.item(), abs=1e-9)
    assert log.lines[-1]["reward"] == pytest.approx(float((gains[0] + gains[1]).mean() / 2), abs=1e-9)
    assert log.lines[-1]["margin"] == pytest.approx(float(((2 * p_left - 1) * (gains[0] - gains[1])).mean()), abs=1e-9)


@pytest.fixture
def ipo(tmp_path: Path):
    text = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.S | re.M)[0]
    (tmp_path / "ipo_of_the_page.py").write_text(text, encoding="utf-8")
    yield load_target(str(tmp_path / "ipo_of_the_page.py"), "method")
    del sys.modules["pasture_file_ipo_of_the_page"]


def test_the_loss_that_the_page_shows_is_ranked_with_the_others_and_needs_few_lines(ipo: ModuleType, world, source, label, log):
    start = world.base_policy(0)
    config = ipo.Config(epochs=60, batch_size=10_000, tau=0.5)
    made = ipo.train(start, source(label(start)), config, rng=rng_for(0), log=log)
    assert world.truth(made, ()).values_P.mean() > world.truth(start, ()).values_P.mean() + 0.3
    assert log.lines[-1]["margin"] > 0
    assert len([line for line in Path(ipo.__file__ or "").read_text().splitlines() if line.strip()]) <= 25


def test_ipo_pulls_the_margin_of_a_certain_label_to_its_target_by_hand(ipo: ModuleType, monkeypatch: pytest.MonkeyPatch):
    found = {}
    monkeypatch.setattr(ipo, "train_on_pairs", lambda policy, feedback, config, losses, *rest: found.setdefault("losses", losses))
    ipo.train(None, None, ipo.Config(tau=0.25), rng=None, log=None)
    # the margin is (-1 + 2) - (-3 + 2) = 2 and 1 / (2 tau) = 2: (2 - 2)^2 where left is preferred, (2 + 2)^2 where right is
    pairs = loop.ScoredPairs(*(torch.tensor([each, each]) for each in (-1.0, -3.0, -2.0, -2.0)), torch.tensor([1.0, 0.0]))
    assert found["losses"](pairs).tolist() == [0.0, 16.0]
