"""What every engine promises, over the ones that need no download."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pasture.core.errors import EngineError, InputError, UnknownName
from pasture.core.records import Message
from pasture.core.requests import Reply, Request, Sampling
from pasture.engines import ENGINES, make_engine
from pasture.testing.engines import ENGINE_LAWS, ask


@pytest.fixture(params=["scripted", "transformers", "openai"])
def engine(request: pytest.FixtureRequest):
    if request.param == "openai":
        return make_engine("openai", "m", base_url=request.getfixturevalue("chat_server")().url, server="vllm")
    return make_engine("scripted") if request.param == "scripted" else request.getfixturevalue("tiny_engine")


@pytest.mark.parametrize("law", ENGINE_LAWS, ids=lambda law: law.__name__)
def test_it_keeps_every_promise_that_users_can_check_too(engine, law):
    law(engine)


def test_the_registry_loads_without_torch():
    code = "import sys, pasture.engines as e; e.ENGINES.entries(); e.make_engine('scripted'); "
    code += "e.make_engine('openai', 'm', base_url='http://localhost:1/v1'); print({'torch', 'openai'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "set()"


def test_an_unknown_engine_option_or_missing_model_says_what_there_is():
    with pytest.raises(UnknownName, match="Did you mean 'scripted'"):
        make_engine("scriptd")
    with pytest.raises(InputError, match=r"no option 'latncy'; it has: .*latency"):
        make_engine("scripted", latncy=1)
    with pytest.raises(InputError, match="serves a model, and none was given"):
        make_engine("transformers")
    assert {"scripted", "transformers", "vllm", "openai"} <= set(ENGINES.entries())


def test_a_missing_package_names_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch, tiny_checkpoint):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "vllm" else real(name, *rest))
    with pytest.raises(InputError, match=r"needs the package vllm.*make setup.*pasture\[vllm\]"):
        make_engine("vllm", str(tiny_checkpoint))


def test_one_bad_request_fails_alone(tiny_engine):
    bad = {
        1: (Request(()), "no messages"),
        2: (ask("cat " * 200), "207 tokens"),
        3: (Request((Message("tool", "x"),)), "no tools here"),
        4: (ask("q", ""), "continuation is empty"),
        5: (Request((Message("user", "cat"),), model="another"), "another"),
        6: (ask("q", labels=("Apple", "Apple pie")), "same token 'Apple'"),
        7: (ask("q", choices=("yes", "")), "choice is empty"),
    }
    found = dict(tiny_engine.generate([ask("the cat", max_tokens=2), *(request for request, _ in bad.values()), ask("the dog")]))
    assert set(found) == set(range(9))
    for index, (_, message) in bad.items():
        assert isinstance(found[index], EngineError)
        assert message in str(found[index])
    assert isinstance(found[0], Reply)
    assert isinstance(found[8], Reply)


def test_an_answer_is_held_to_choices_or_to_a_schema():
    with pytest.raises(ValueError, match="both choices and a schema were given; give one of them"):
        Sampling(choices=("yes", "no"), schema="{}")


@pytest.mark.parametrize(("engine", "model"), [("scripted", ""), ("openai", "m")])
def test_the_documented_option_name_can_be_given(engine: str, model: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    assert make_engine(engine, model, name="mine").name == "mine"
    assert make_engine(engine, **({"model": model} if model else {}), name="mine").name == "mine"


def test_a_model_that_is_given_twice_or_is_no_text_is_refused():
    with pytest.raises(InputError, match="given twice"):
        make_engine("scripted", "x:y", model="x:z")
    with pytest.raises(InputError, match="'model' of the engine 'scripted' is 7"):
        make_engine("scripted", model=7)
