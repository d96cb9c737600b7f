"""The language-model policy against transformers itself, on a tiny untrained Llama."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pasture.core.errors import InputError
from pasture.core.records import Completion, Message, Prompt
from pasture.policies import decoding
from pasture.policies.causal_lm import CausalLMPolicy
from pasture.policies.decoding import draw, sample_tokens
from pasture.simulators.text.pretraining import Recipe, build_model, build_tokenizer

TINY = Recipe(hidden=32, layers=2, heads=2, ffn=64, init=0.2)
PROMPTS = [
    Prompt("What is the capital of France?"),
    Prompt("Name the colour of grass. Mention tea. Use at most 10 words. Be formal. No list."),
    Prompt("What does a cow eat? Be casual."),
]
ANSWERS = ["Paris is the capital of France.", "- Certainly.\n- It is green.", "It eats hay. Cheers!"]
COMPLETIONS = [Completion(prompt, text) for prompt, text in zip(PROMPTS, ANSWERS, strict=True)]


@pytest.fixture(scope="module")
def policy() -> CausalLMPolicy:
    tokenizer = build_tokenizer()
    return CausalLMPolicy(build_model(TINY, tokenizer, 0), tokenizer, max_new_tokens=12)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_scores_equal_transformers_own_loss(policy: CausalLMPolicy) -> None:
    scores = policy.token_scores(COMPLETIONS)
    for row, each in enumerate(COMPLETIONS):
        prompt, answer = policy.encoder.prompt(each.prompt, None), policy.encoder.answer(each)
        ids = torch.tensor([[*prompt, *answer]])
        labels = ids.clone()
        labels[0, : len(prompt)] = -100
        loss = policy.model(input_ids=ids, labels=labels).loss  # mean over the answer's tokens
        assert -scores.logprobs_NT[row].sum().item() / len(answer) == pytest.approx(loss.item(), abs=1e-5)
        assert scores.mask_NT[row].sum().item() == len(answer)


def test_a_text_is_scored_with_its_end(policy: CausalLMPolicy) -> None:
    tokens = policy.encoder.answer(COMPLETIONS[0])
    assert tokens[-1] == policy.tokenizer.eos_token_id
    assert policy.tokenizer.convert_ids_to_tokens(tokens[:-1]) == ["Paris", "is", "the", "capital", "of", "France", "."]


def test_padding_changes_no_score(policy: CausalLMPolicy) -> None:
    together = policy.token_scores(COMPLETIONS)
    for row, each in enumerate(COMPLETIONS):
        alone = policy.token_scores([each])
        length = alone.logprobs_NT.shape[1]
        torch.testing.assert_close(together.logprobs_NT[row, :length], alone.logprobs_NT[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(together.entropies_NT[row, :length], alone.entropies_NT[0], atol=1e-5, rtol=0)
        assert not together.mask_NT[row, length:].any()
        assert together.logprobs_NT[row, length:].eq(0).all()
        assert together.entropies_NT[row, length:].eq(0).all()


def test_splitting_into_batches_changes_no_score(policy: CausalLMPolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = policy.token_scores(COMPLETIONS)  # a gradient is kept, so this is one batch
    monkeypatch.setattr(decoding, "MOST_TOKENS", 1)
    with torch.no_grad():
        split = policy.token_scores(COMPLETIONS)
    torch.testing.assert_close(split.logprobs_NT, whole.logprobs_NT, atol=1e-5, rtol=0)
    assert split.mask_NT.equal(whole.mask_NT)


def test_entropy_is_that_of_the_next_token_distribution(policy: CausalLMPolicy) -> None:
    each = COMPLETIONS[2]
    prompt, answer = policy.encoder.prompt(each.prompt, None), policy.encoder.answer(each)
    logits = policy.model(input_ids=torch.tensor([[*prompt, *answer]])).logits[0, len(prompt) - 1 : -1]
    expected = torch.distributions.Categorical(logits=logits).entropy()
    torch.testing.assert_close(policy.token_scores([each]).entropies_NT[0], expected, atol=1e-5, rtol=0)


def test_scores_have_gradients(policy: CausalLMPolicy) -> None:
    trained = policy.copy()
    scores = trained.token_scores(COMPLETIONS)
    (scores.sequence_logprobs().sum() + scores.entropies_NT.sum()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in trained.parameters())


@pytest.mark.parametrize("ends", [(), (19, 60, 101, 140, 180)])
def test_greedy_sampling_equals_generate(policy: CausalLMPolicy, ends: tuple[int, ...]) -> None:
    prompts = [policy.encoder.prompt(each, None) for each in PROMPTS]
    free = [reference_greedy(policy, each, frozenset()) for each in prompts]
    stop = frozenset([policy.tokenizer.eos_token_id, *ends, *(free[0][3:4] + free[2][7:8] if ends else ())])  # rows end apart
    found = sample_tokens(policy.model, prompts, 2, [12] * len(prompts), temperature=0, ends=stop, pad=policy.encoder.pad, seed=0)
    expected = [row for each in prompts for row in [reference_greedy(policy, each, stop)] * 2]
    assert found == expected
    if ends:
        assert len({len(row) for row in found}) > 1


def reference_greedy(policy: CausalLMPolicy, prompt: tuple[int, ...], stop: frozenset[int]) -> list[int]:
    """What transformers generates for one prompt, alone and unpadded."""
    ids = torch.tensor([prompt])
    out = policy.model.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False, eos_token_id=sorted(stop) or None
    )
    return out[0, len(prompt) :].tolist()


def test_sampling_is_that_of_the_scored_distribution(policy: CausalLMPolicy) -> None:
    prompt = policy.encoder.prompt(PROMPTS[0], None)
    probabilities = policy.model(input_ids=torch.tensor([prompt])).logits[0, -1].softmax(-1).detach().numpy()
    n = 4000
    first = [each.tokens[0] for each in policy.sample(PROMPTS[:1], n, rng())[0]]
    frequencies = np.bincount(first, minlength=len(probabilities)) / n
    error = np.sqrt(probabilities * (1 - probabilities) / n)
    assert np.all(np.abs(frequencies - probabilities) <= 5 * error + 1e-3)


def test_a_draw_inverts_the_cumulative_distribution() -> None:
    logits_NV = torch.tensor([[0.0, -torch.inf, 0.0]]).repeat(1000, 1)  # the middle one is impossible
    drawn = draw(logits_NV, 1.0, torch.Generator().manual_seed(0))[:, 0]
    assert set(drawn.tolist()) == {0, 2}
    assert 400 < (drawn == 0).sum().item() < 600


def test_a_low_temperature_draws_the_likeliest(policy: CausalLMPolicy) -> None:
    greedy, cold = policy.sample(PROMPTS, 1, rng(), temperature=0), policy.sample(PROMPTS, 1, rng(), temperature=1e-4)
    assert [row[0].tokens for row in greedy] == [row[0].tokens for row in cold]


def test_a_seed_decides_the_samples_and_torch_is_left_alone(policy: CausalLMPolicy) -> None:
    before = torch.get_rng_state()
    first, second, other = (policy.sample(PROMPTS, 3, rng(seed)) for seed in (1, 1, 2))
    assert first == second
    assert first != other
    assert before.equal(torch.get_rng_state())


def test_samples_are_cut_and_carry_their_tokens(policy: CausalLMPolicy) -> None:
    rows = policy.sample(PROMPTS, 40, rng())
    assert [row[0].prompt for row in rows] == PROMPTS
    answers = [each for row in rows for each in row]
    assert all(len(row) == 40 for row in rows)
    eos = policy.tokenizer.eos_token_id
    for each in answers:
        assert 1 <= len(each.tokens) <= 12
        assert eos not in each.tokens[:-1]
        assert len(each.tokens) == 12 or each.tokens[-1] == eos
        assert each.text == policy.tokenizer.decode(each.tokens, skip_special_tokens=True)
    assert any(each.tokens[-1] == eos for each in answers)


def test_kl_is_zero_to_itself_and_agrees_with_log_ratios(policy: CausalLMPolicy) -> None:
    moved = policy.copy()
    noise = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for p in moved.parameters():
            p.add_(0.03 * torch.randn(p.shape, generator=noise))
    samples = [each for row in moved.sample(PROMPTS, 400, rng()) for each in row]
    with torch.no_grad():
        ratios = moved.token_scores(samples).sequence_logprobs() - policy.token_scores(samples).sequence_logprobs()
    error = ratios.std().item() / len(samples) ** 0.5
    assert moved.kl(moved, samples) == 0.0
    assert moved.kl(policy, samples) == pytest.approx(ratios.mean().item(), abs=4 * error)
    assert moved.kl(policy, samples) > 0.1


def test_kl_to_another_vocabulary_is_refused(policy: CausalLMPolicy) -> None:
    tokenizer = build_tokenizer()
    model = build_model(TINY, tokenizer, 0)
    model.resize_token_embeddings(len(tokenizer) + 8)
    with pytest.raises(InputError, match="vocabulary"):
        policy.kl(CausalLMPolicy(model, tokenizer), COMPLETIONS)


def test_a_control_is_one_reserved_token_before_the_prompt(policy: CausalLMPolicy) -> None:
    view = policy.with_control(3)
    plain, seen = policy.encoder.prompt(PROMPTS[0], None), view.encoder.prompt(PROMPTS[0], view.control)
    assert policy.tokenizer.convert_ids_to_tokens(seen[1]) == "<|control_3|>"
    assert (seen[0], *seen[2:]) == plain
    assert not torch.equal(view.token_scores(COMPLETIONS).logprobs_NT, policy.token_scores(COMPLETIONS).logprobs_NT)
    assert next(iter(view.parameters())) is next(iter(policy.parameters()))
    back = view.with_control(None).token_scores(COMPLETIONS)
    assert torch.equal(back.logprobs_NT, policy.token_scores(COMPLETIONS).logprobs_NT)


def test_a_control_that_is_not_there_is_refused(policy: CausalLMPolicy) -> None:
    with pytest.raises(InputError, match="8, from 0"):
        policy.with_control(8)
    more = CausalLMPolicy(policy.model, policy.tokenizer, controls=9)
    with pytest.raises(InputError, match=r"cannot write '<\|control_8\|>'"):
        more.with_control(8)


def test_training_a_copy_leaves_the_original(policy: CausalLMPolicy) -> None:
    before = policy.token_scores(COMPLETIONS).logprobs_NT
    trained = policy.copy()
    step(trained)
    assert torch.equal(policy.token_scores(COMPLETIONS).logprobs_NT, before)
    assert trained.token_scores(COMPLETIONS).logprobs_NT.sum() > before.sum()


def step(policy: CausalLMPolicy) -> None:
    """One step towards the completions."""
    optimizer = torch.optim.SGD(policy.parameters(), lr=1e-2)
    (-policy.token_scores(COMPLETIONS).sequence_logprobs().mean()).backward()
    optimizer.step()


def test_what_is_saved_is_an_ordinary_checkpoint(policy: CausalLMPolicy, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    policy.with_control(2).save(tmp_path)
    loaded = CausalLMPolicy.load(tmp_path)
    assert (loaded.control, loaded.controls, loaded.max_new_tokens, loaded.lora) == (2, 8, 12, None)
    expected = policy.token_scores(COMPLETIONS).logprobs_NT
    torch.testing.assert_close(loaded.with_control(None).token_scores(COMPLETIONS).logprobs_NT, expected)

    model, tokenizer = AutoModelForCausalLM.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    turns = [{"role": "user", "content": PROMPTS[0].text}]
    ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt")["input_ids"]
    out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False)
    text = tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
    assert text == policy.sample(PROMPTS[:1], 1, rng(), temperature=0)[0][0].text


def test_a_history_is_part_of_the_prompt(policy: CausalLMPolicy) -> None:
    later = Prompt("Be formal.", history=(Message("user", "What colour is grass?"), Message("assistant", "It is green.")))
    text = policy.tokenizer.decode(policy.encoder.prompt(later, None))
    assert text == "<|user|> What colour is grass? <|assistant|> It is green. </s> <|user|> Be formal. <|assistant|>"


def test_a_tokenizer_without_a_chat_template_gets_plain_turns() -> None:
    tokenizer = build_tokenizer()
    tokenizer.chat_template = None
    plain = CausalLMPolicy(build_model(TINY, tokenizer, 0), tokenizer)
    tokens = tokenizer.convert_ids_to_tokens(plain.encoder.prompt(Prompt("Be formal."), 1))
    assert tokens == ["<|control_1|>", "Be", "formal", ".", "\n", "\n"]


def test_bad_calls_say_what_to_do(policy: CausalLMPolicy, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no checkpoint could be loaded"):
        CausalLMPolicy.load(tmp_path / "nothing")
    with pytest.raises(InputError, match="at most 128"):
        policy.token_scores([Completion(PROMPTS[0], "tea " * 200)])
    with pytest.raises(InputError, match="at least one"):
        policy.token_scores([])
    with pytest.raises(InputError, match="temperature"):
        policy.sample(PROMPTS, 1, rng(), temperature=-1.0)
    with pytest.raises(InputError, match="at least 1"):
        policy.sample(PROMPTS, 0, rng())
    tokenizer = build_tokenizer()
    tokenizer.eos_token = None
    with pytest.raises(InputError, match="end-of-sequence"):
        CausalLMPolicy(policy.model, tokenizer)
