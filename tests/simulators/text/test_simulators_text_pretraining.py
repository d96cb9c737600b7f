"""The text world's tokenizer, its pre-training and its cache: fast with a toy recipe, slowly with the real one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from pasture.core.errors import InputError
from pasture.core.files.writing import cached_folder
from pasture.core.records import Completion
from pasture.policies.causal_lm import CausalLMPolicy
from pasture.simulators.text.answers import compose
from pasture.simulators.text.grammar import SENTENCES
from pasture.simulators.text.pretraining import CONTROLS, MAX_NEW_TOKENS, Recipe, base_checkpoint, build_tokenizer, pretrain
from pasture.simulators.text.prompts import random_instruction
from pasture.simulators.text.world import TextWorld

TOY = Recipe(hidden=32, layers=1, heads=2, ffn=64, answers=256, warmup=2)


def test_every_text_survives_the_tokenizer() -> None:
    tokenizer, rng = build_tokenizer(), np.random.default_rng(0)
    for k in range(2000):
        instruction = random_instruction(rng)
        for text in (instruction.render(k % 2), compose(instruction, float(rng.random()), rng)):
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            assert tokenizer.unk_token_id not in ids
            assert tokenizer.decode(ids) == text
    assert all(tokenizer.decode(tokenizer(text)["input_ids"]) == text for text in SENTENCES)


def test_a_policy_can_say_every_faultless_answer_and_nearly_every_other() -> None:
    tokenizer, rng = build_tokenizer(), np.random.default_rng(0)

    def tokens(quality: float) -> np.ndarray:
        """Tokens of 2000 answers, with the end of sequence."""
        return np.array([len(tokenizer(compose(random_instruction(rng), quality, rng))["input_ids"]) + 1 for _ in range(2000)])

    assert tokens(1.0).max() <= MAX_NEW_TOKENS
    assert (tokens(0.5) > MAX_NEW_TOKENS).mean() < 0.02


def test_the_vocabulary_is_small_and_holds_the_controls() -> None:
    tokenizer = build_tokenizer()
    assert len(tokenizer) <= 600
    for k in range(CONTROLS):
        assert len(tokenizer(f"<|control_{k}|>")["input_ids"]) == 1
    assert tokenizer.decode(tokenizer("<|control_1|>It is Paris.")["input_ids"], skip_special_tokens=True) == "It is Paris."


def test_pretraining_lowers_the_loss_and_follows_its_seed() -> None:
    told: list[tuple[int, int, float]] = []
    first = pretrain(TOY, 0, lambda step, steps, loss: told.append((step, steps, loss)))
    assert told[-1][:2] == (16, 16)
    longer = Recipe(hidden=32, layers=1, heads=2, ffn=64, answers=1024, warmup=2)
    pretrain(longer, 0, lambda step, steps, loss: told.append((step, steps, loss)))
    assert told[-1][2] < told[0][2] - 1.0
    weights = [[p.detach() for p in policy.parameters()] for policy in (first, pretrain(TOY, 0), pretrain(TOY, 1))]
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(weights[0], weights[1], strict=True))
    assert not torch.allclose(weights[0][0], weights[2][0], atol=1e-2)


def test_a_base_policy_is_trained_once_and_keyed_by_its_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASTURE_CACHE", str(tmp_path))
    steps: list[int] = []
    first = base_checkpoint(0, lambda step, *_: steps.append(step), TOY)
    assert steps
    steps.clear()
    assert base_checkpoint(0, lambda step, *_: steps.append(step), TOY) == first
    assert not steps
    assert base_checkpoint(1, None, TOY) != first
    assert base_checkpoint(0, None, Recipe(hidden=32, layers=1, heads=2, ffn=64, answers=256, warmup=3)) != first
    assert CausalLMPolicy.load(first).max_new_tokens == MAX_NEW_TOKENS


def test_the_key_follows_the_grammar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASTURE_CACHE", str(tmp_path))
    first = base_checkpoint(0, None, TOY)
    read = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda self, **k: read(self, **k) + ("#" if self.name == "grammar.py" else ""))
    assert base_checkpoint(0, None, TOY) != first


def test_a_half_written_folder_is_made_again(tmp_path: Path) -> None:
    made: list[Path] = []
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights").write_text("ha")  # what a machine that lost its power leaves

    def make(draft: Path) -> None:
        made.append(draft)
        (draft / "weights").write_text("whole")

    assert cached_folder(folder, make) == folder
    assert (folder / "weights").read_text() == "whole"
    cached_folder(folder, make)
    assert len(made) == 1
    (folder / "weights").write_text("who")
    cached_folder(folder, make)
    assert (folder / "weights").read_text() == "whole"
    (folder / "weights").unlink()
    cached_folder(folder, make)
    assert len(made) == 3
    assert {path.name for path in tmp_path.iterdir()} <= {"model", "model.lock"}


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(draft: Path) -> None:
        (draft / "weights").write_text("ha")
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        cached_folder(tmp_path / "model", fail)
    assert {path.name for path in tmp_path.iterdir()} <= {"model.lock"}


def test_a_cache_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="PASTURE_CACHE"):
        cached_folder(tmp_path / "file" / "model", lambda draft: None)


RACER = """
import sys, time
from pathlib import Path
from pasture.core.files.writing import cached_folder

def make(draft):
    with Path(sys.argv[2]).open("a") as file:
        file.write("made\\n")
    time.sleep(1)
    (draft / "weights").write_text("whole")

assert (cached_folder(Path(sys.argv[1]), make) / "weights").read_text() == "whole"
"""


def test_of_two_processes_one_makes_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RACER, str(tmp_path / "model"), str(tmp_path / "log")]
    racers = [subprocess.Popen(command) for _ in range(2)]
    assert [racer.wait() for racer in racers] == [0, 0]
    assert (tmp_path / "log").read_text() == "made\n"


@pytest.fixture(scope="module")
def world() -> TextWorld:
    return TextWorld(0)


@pytest.fixture(scope="module")
def base(world: TextWorld) -> CausalLMPolicy:
    return world.base_policy(0)


@pytest.mark.slow
def test_the_base_policy_is_fluent_mediocre_and_has_room(world: TextWorld, base: CausalLMPolicy) -> None:
    answers = base.sample(world.prompts("eval"), 16, np.random.default_rng(0))
    gold_PK = np.array([world.utility(row) for row in answers])
    checks = [world.check(each) for row in answers for each in row]
    assert np.mean([found.broken_words for found in checks]) < 0.15 * np.mean([found.words for found in checks])
    assert -0.5 < gold_PK.mean() < 0.7
    assert gold_PK.max(axis=1).mean() > gold_PK.mean() + 1.5
    assert 0.25 < world.truth(base, answers).win_rates_P.mean() < 0.5
    assert np.mean([each.tokens[-1] == base.tokenizer.eos_token_id for row in answers for each in row]) > 0.97


@pytest.mark.slow
def test_imitating_the_demonstrations_helps(world: TextWorld, base: CausalLMPolicy) -> None:
    trained, shown = base.copy(), world.demonstrations()
    optimizer = torch.optim.AdamW(trained.parameters(), lr=1e-3)
    for start in range(0, len(shown), 16):
        optimizer.zero_grad()
        scores = trained.token_scores(shown[start : start + 16])
        (-scores.logprobs_NT.sum() / scores.mask_NT.sum()).backward()
        optimizer.step()
    before, after = (mean_gold(world, policy) for policy in (base, trained))
    assert after > before + 0.2


def mean_gold(world: TextWorld, policy: CausalLMPolicy) -> float:
    return float(np.mean([world.utility(row).mean() for row in policy.sample(world.prompts("eval"), 8, np.random.default_rng(0))]))


@pytest.mark.slow
def test_all_seeds_share_one_base_policy_unless_more_are_asked_for(world: TextWorld, base: CausalLMPolicy) -> None:
    other = world.base_policy(1)
    shown: list[Completion] = list(world.demonstrations()[:8])
    assert torch.equal(other.token_scores(shown).logprobs_NT, base.token_scores(shown).logprobs_NT)
    assert next(iter(other.parameters())) is not next(iter(base.parameters()))
