from pathlib import Path

import numpy as np
import pytest
import torch
from pasture.core.errors import InputError
from pasture.core.records import Completion, Message, Prompt
from pasture.core.seeds import rng_for
from pasture.policies.tabular import ResponseTable, TabularPolicy, TabularValueModel
from scipy.stats import chisquare

P, M, D = 5, 7, 3
PROMPTS = (*(Prompt(f"prompt {row}") for row in range(P - 1)), Prompt("again", history=(Message("user", "hi"),)))


def table() -> ResponseTable:
    rng = np.random.default_rng(5)
    return ResponseTable.of(PROMPTS, rng.normal(size=(P, M)), rng.normal(size=(P, M, D)))


def policy(log_linear: bool = True, scale: float = 1.0) -> TabularPolicy:
    made = TabularPolicy(table(), log_linear=log_linear, controls=8)
    generator = torch.Generator().manual_seed(1)
    for parameter in made.parameters():
        parameter.data = scale * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return made


def every_answer(made: TabularPolicy) -> list[Completion]:
    return [made.table.completion(row, answer) for row in range(P) for answer in range(M)]


both = pytest.mark.parametrize("log_linear", [True, False])


@both
@pytest.mark.parametrize("code", [None, 0, 7])
def test_probabilities_sum_to_one_and_are_those_of_the_scores(log_linear: bool, code: int | None) -> None:
    made = policy(log_linear).with_control(code)
    logs_NT, entropies_NT, mask_NT = made.token_scores(every_answer(made))
    assert logs_NT.shape == entropies_NT.shape == mask_NT.shape == (P * M, 1)
    probabilities_PM = made.probabilities(PROMPTS)
    torch.testing.assert_close(logs_NT.exp().reshape(P, M), probabilities_PM)
    torch.testing.assert_close(probabilities_PM.sum(1), torch.ones(P, dtype=torch.float64))
    torch.testing.assert_close(entropies_NT.reshape(P, M)[:, 3], torch.special.entr(probabilities_PM).sum(1))
    assert mask_NT.all()


def test_a_fresh_policy_is_the_reference() -> None:
    made = TabularPolicy(table())
    expected = torch.softmax(made.table.reference_logits_PM, dim=1)
    torch.testing.assert_close(made.probabilities(PROMPTS), expected)
    torch.testing.assert_close(made.with_control(2).probabilities(PROMPTS), expected)


def test_log_linear_probabilities_of_a_worked_example() -> None:
    # logits 0 and log 2 + 1 * log 3 = log 6: probabilities 1/7 and 6/7
    made = TabularPolicy(ResponseTable.of(PROMPTS[:1], np.array([[0.0, np.log(2)]]), np.array([[[0.0], [1.0]]])))
    made.theta.data[0] = np.log(3)
    np.testing.assert_allclose(made.probabilities(PROMPTS[:1]).detach(), [[1 / 7, 6 / 7]], atol=1e-12)


@both
@pytest.mark.parametrize("code", [None, 3])
def test_gradients_match_finite_differences(log_linear: bool, code: int | None) -> None:
    made = policy(log_linear).with_control(code)
    chosen = every_answer(made)[2::5]

    def loss() -> torch.Tensor:
        scores = made.token_scores(chosen)
        return (scores.sequence_logprobs() + 0.3 * scores.entropies_NT[:, 0]).sum()

    loss().backward()
    for parameter in made.parameters():
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        for place in range(0, parameter.numel(), 5):
            flat, was = parameter.data.view(-1), parameter.data.view(-1)[place].item()
            sides = []
            for nudge in (1e-6, -1e-6):
                flat[place] = was + nudge
                sides.append(loss().item())
            flat[place] = was
            assert gradient.view(-1)[place].item() == pytest.approx((sides[0] - sides[1]) / 2e-6, abs=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_answers_are_sampled_as_often_as_they_are_probable(temperature: float) -> None:
    made, n = policy(scale=0.5), 5000
    probabilities_PM = made.probabilities(PROMPTS).detach().numpy() ** (1 / temperature)
    probabilities_PM /= probabilities_PM.sum(1, keepdims=True)
    for row, answers in enumerate(made.sample(PROMPTS, n, rng_for(2), temperature)):
        assert {each.prompt.id for each in answers} == {PROMPTS[row].id}
        counts_M = np.bincount([each.tokens[0] for each in answers], minlength=M)
        assert chisquare(counts_M, n * probabilities_PM[row]).pvalue > 1e-3


def test_a_temperature_of_zero_is_greedy() -> None:
    made = policy()
    best = made.probabilities(PROMPTS).argmax(1).tolist()
    assert [[each.tokens[0] for each in row] for row in made.sample(PROMPTS, 3, rng_for(0), 0.0)] == [[j] * 3 for j in best]
    with pytest.raises(InputError, match="temperature"):
        made.sample(PROMPTS, 1, rng_for(0), -1.0)


def test_a_prompts_answers_do_not_depend_on_order_or_neighbours() -> None:
    made = policy()
    whole = dict(zip(PROMPTS, made.sample(PROMPTS, 4, rng_for(9)), strict=True))
    for prompts in (PROMPTS[::-1], PROMPTS[2:3], PROMPTS[3:]):
        assert made.sample(prompts, 4, rng_for(9)) == [whole[prompt] for prompt in prompts]
    assert made.sample(PROMPTS, 4, rng_for(10)) != list(whole.values())


def test_a_prompt_given_twice_is_drawn_for_anew_and_the_first_time_as_ever() -> None:
    made = policy()
    first, _, second, third = made.sample([PROMPTS[0], PROMPTS[1], PROMPTS[0], PROMPTS[0]], 20, rng_for(9))
    assert first == made.sample(PROMPTS[:1], 20, rng_for(9))[0]
    assert first != second != third != first


def test_samples_carry_one_token_and_its_text() -> None:
    answer = policy().sample(PROMPTS, 1, rng_for(0))[0][0]
    assert answer.text == f"response {answer.tokens[0]}"
    assert answer.model == ""


def test_completions_without_tokens_are_read_from_their_text() -> None:
    made = policy()
    bare = [Completion(PROMPTS[1], "response 4"), Completion(PROMPTS[0], "response 6")]
    given = [Completion(PROMPTS[1], "response 4", (4,)), Completion(PROMPTS[0], "response 6", (6,))]
    torch.testing.assert_close(made.token_scores(bare).logprobs_NT, made.token_scores(given).logprobs_NT)


@both
def test_kl_is_exact_over_distinct_prompts(log_linear: bool) -> None:
    made, reference = policy(log_linear), TabularPolicy(table())
    completions = [made.table.completion(row, 0) for row in (0, 0, 0, 3)]
    p, q = (each.probabilities([PROMPTS[0], PROMPTS[3]]).detach() for each in (made, reference))
    assert made.kl(reference, completions) == pytest.approx((p * (p / q).log()).sum(1).mean().item(), abs=1e-12)
    assert made.kl(made, completions) == 0.0
    with pytest.raises(InputError, match="no completions"):
        made.kl(reference, [])


@both
def test_control_codes_share_parameters_and_differ(log_linear: bool) -> None:
    made = policy(log_linear)
    assert made.controls >= 8
    view = made.with_control(1)
    assert [id(each) for each in view.parameters()] == [id(each) for each in made.parameters()]
    assert not torch.allclose(view.probabilities(PROMPTS), made.probabilities(PROMPTS))
    assert not torch.allclose(view.probabilities(PROMPTS), made.with_control(2).probabilities(PROMPTS))
    before = view.probabilities(PROMPTS).detach()
    made.theta.data += torch.arange(made.theta.numel()).reshape(made.theta.shape)
    assert not torch.allclose(view.probabilities(PROMPTS), before)
    torch.testing.assert_close(view.with_control(None).probabilities(PROMPTS), made.probabilities(PROMPTS))


@pytest.mark.parametrize("code", [-1, 8])
def test_an_unknown_control_code_is_refused(code: int) -> None:
    with pytest.raises(InputError, match="0 to 7"):
        policy().with_control(code)


def test_a_copy_is_independent_and_keeps_its_code() -> None:
    made = policy().with_control(2)
    before = made.probabilities(PROMPTS).detach()
    twin = made.copy()
    torch.testing.assert_close(twin.probabilities(PROMPTS), before)
    twin.theta.data += torch.arange(D)
    twin.deltas.data += 1.0
    torch.testing.assert_close(made.probabilities(PROMPTS), before)


@both
def test_a_saved_policy_is_loaded_as_it_was(log_linear: bool, tmp_path: Path) -> None:
    made = policy(log_linear).with_control(5)
    made.save(tmp_path / "here")
    loaded = TabularPolicy.load(tmp_path / "here")
    torch.testing.assert_close(loaded.probabilities(PROMPTS), made.probabilities(PROMPTS), rtol=0, atol=0)
    torch.testing.assert_close(loaded.with_control(None).probabilities(PROMPTS), made.with_control(None).probabilities(PROMPTS))
    assert loaded.sample(PROMPTS, 3, rng_for(1)) == made.sample(PROMPTS, 3, rng_for(1))
    assert loaded.controls == 8


def test_a_folder_without_a_policy_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"policy\.json is missing"):
        TabularPolicy.load(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"value_model\.json is missing"):
        TabularValueModel.load(tmp_path)


def test_what_is_not_in_the_table_is_refused() -> None:
    made = policy()
    with pytest.raises(InputError, match="not in this policy's table of 5 prompts"):
        made.sample([Prompt("stranger")], 1, rng_for(0))
    with pytest.raises(InputError, match="no answer 7"):
        made.token_scores([Completion(PROMPTS[0], "response 7", (7,))])
    with pytest.raises(InputError, match="no answer -1"):
        made.token_scores([Completion(PROMPTS[0], "?", (-1,))])
    with pytest.raises(InputError, match="is not an answer of a table"):
        made.token_scores([Completion(PROMPTS[0], "response -1")])


def test_a_table_whose_arrays_do_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="are not a table"):
        ResponseTable.of(PROMPTS, np.zeros((P, M)), np.zeros((P, M - 1, D)))
    with pytest.raises(InputError, match="stands twice"):
        ResponseTable.of([PROMPTS[0], PROMPTS[0]], np.zeros((2, M)), np.zeros((2, M, D)))


def test_a_value_model_starts_at_zero_and_scores_linearly(tmp_path: Path) -> None:
    made = policy()
    model = made.value_model(rng_for(0))
    answers = every_answer(made)
    assert not model.scores(answers).any()
    model.after.data = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    model.before.data = torch.tensor([0.0, 0.0, 0.0, 3.0], dtype=torch.float64)
    values_N2, mask_N2 = model.state_values(answers)
    expected_PM = made.table.features_PMD @ model.after
    torch.testing.assert_close(values_N2[:, 1].reshape(P, M), expected_PM)
    torch.testing.assert_close(model.scores(answers), values_N2[:, 1])
    assert values_N2[:, 0].tolist() == [3.0] * (P * M)
    assert mask_N2.shape == (P * M, 2)
    assert mask_N2.all()
    model.save(tmp_path)
    torch.testing.assert_close(TabularValueModel.load(tmp_path).state_values(answers)[0], values_N2)


def test_a_baseline_can_be_the_references_expected_score() -> None:
    made = TabularPolicy(table())
    model = made.value_model(rng_for(0))
    model.after.data = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    model.before.data[:D] = model.after.data
    values_PM2 = model.state_values(every_answer(made))[0].reshape(P, M, 2)
    expected_P = (made.probabilities(PROMPTS) * values_PM2[:, :, 1]).sum(1)
    torch.testing.assert_close(values_PM2[:, 0, 0], expected_P)


def test_a_copied_value_model_is_independent_and_trainable() -> None:
    made = policy()
    model = made.value_model(rng_for(0))
    twin = model.copy()
    twin.state_values(every_answer(made))[0].sum().backward()
    assert all(parameter.grad is not None for parameter in twin.parameters())
    assert all(parameter.grad is None for parameter in model.parameters())
