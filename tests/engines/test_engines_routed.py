"""Several models behind one engine: whose request goes where, at whose price, under whose identity."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pasture.annotators.runner import annotate, price
from pasture.core.errors import EngineError, InputError
from pasture.core.ledger import Budget, Ledger
from pasture.core.records import Comparison, Completion, Message, Preference, Prompt
from pasture.core.requests import Reply, Request
from pasture.engines import Routed, make_engine, named_models
from pasture.engines.scripted import ScriptedEngine


def member(says: str, prices: tuple[float, float] = (0.0, 0.0)) -> ScriptedEngine:
    return ScriptedEngine(
        respond=lambda request: Reply(f"{says}{request.model}", prompt_tokens=10, completion_tokens=1), name=says, prices=prices
    )


def ask(text: str, model: str = "") -> Request:
    return Request((Message("user", text),), model=model)


def test_requests_go_to_the_member_they_name_and_come_back_under_their_index():
    engine = Routed({"strong": member("s"), "weak": member("w")})
    found = dict(engine.generate([ask("q", "weak"), ask("q"), ask("q", "strong"), ask("q", "lost"), ask("q", "weak")]))
    assert [found[k].text for k in (0, 1, 2, 4)] == ["w", "s", "s", "w"]
    assert isinstance(found[3], EngineError)
    assert "no member is called 'lost'; known: 'strong', 'weak'" in str(found[3])


def test_the_default_is_named_or_the_blank_one_or_the_first():
    a, b = member("a"), member("b")
    for engine, text in ((Routed({"x": a, "": b}), "b"), (Routed({"x": a, "y": b}), "a"), (Routed({"x": a, "y": b}, "y"), "b")):
        assert dict(engine.generate([ask("q")]))[0].text == text
    with pytest.raises(InputError, match="the default is 'z', which is not a member; the members: 'x'"):
        Routed({"x": a}, "z")
    with pytest.raises(InputError, match="no members"):
        Routed({})


def test_its_identity_is_that_of_every_member_its_name_and_the_default():
    a, b = member("a"), member("b")
    made = [
        Routed({"x": a, "y": b}),
        Routed({"x": b, "y": a}),
        Routed({"x": a}),
        Routed({"x": a, "y": b}, "y"),
        Routed({"x": a, "z": b}),
    ]
    assert len({engine.name for engine in made}) == len(made)


def test_each_member_is_paid_at_its_own_price():
    engine = Routed({"strong": member("s", (1e6, 2e6)), "weak": member("w", (1e5, 0.0))})
    pairs = [Comparison(Completion(p, "l"), Completion(p, "r")) for p in (Prompt(f"p{k}") for k in range(4))]

    class Both:
        name = "both"

        async def annotate(self, item, ask_engine, rng):
            for model in ("strong", "weak", ""):
                await ask_engine(ask(item.prompt.text, model))
            return Preference(item, 0.5, self.name)

    said = annotate(pairs, Both(), engine=engine)
    # 4 pairs: strong and the default 10 + 2 dollars each, weak 1 dollar
    assert said.usage.dollars == pytest.approx(4 * (12 + 12 + 1))
    assert said.results[0].usage.dollars == pytest.approx(25)
    assert price(pairs, Both(), engine).requests == 12  # every turn is played
    assert engine.prices == (1e6, 2e6)
    ledger = Ledger(Budget(dollars=1.0), engine.prices, engine.prices_by_model)
    one = ask("q", "weak")
    assert ledger.worst_case(one) * 10 == pytest.approx(Ledger(prices=(1e6, 0.0)).worst_case(replace(one, model="")))


def test_models_are_named_on_the_command_line():
    assert named_models([]) == ""
    assert named_models(["org/name"]) == "org/name"
    assert named_models(["./lr=1/model"]) == "./lr=1/model"
    assert named_models(["/runs/lr=1"]) == "/runs/lr=1"
    assert named_models(["strong=a/b", "weak=./x=y"]) == {"strong": "a/b", "weak": "./x=y"}
    assert named_models(["base", "weak=w"]) == {"": "base", "weak": "w"}
    with pytest.raises(InputError, match="the model 'a' is given twice"):
        named_models(["a=1", "a=2"])
    with pytest.raises(InputError, match="a model without a name is given twice"):
        named_models(["one", "two"])


def test_make_engine_routes_named_models():
    engine = make_engine("openai", {"strong": "s", "weak": "w"}, base_url="http://localhost:1/v1")
    assert engine.name == "routed(strong=openai:s@localhost:1;weak=openai:w@localhost:1;default=strong)"
    with pytest.raises(InputError, match="no option 'nope'"):
        make_engine("openai", {"strong": "s"}, nope=1)
