"""Judges for people and for values: told in four ways, the pair first, opposed tastes opposed labels."""

from __future__ import annotations

import math
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from pasture.annotators import make_annotator
from pasture.annotators.runner import annotate
from pasture.annotators.systems.janus import Janus
from pasture.annotators.systems.persona.judge import STYLES, PersonaJudge
from pasture.core.errors import InputError
from pasture.core.records import Comparison, Completion, Prompt, Rating
from pasture.core.requests import Reply, Request
from pasture.core.store import Store
from pasture.simulators.material import world_items
from pasture.simulators.personas.files import write_personas
from pasture.simulators.personas.population import population
from pasture.simulators.text.actor.engine import Actor
from pasture.simulators.text.world import TextWorld, text_personas

PAIR = Comparison(Completion(Prompt("Name a fruit."), "An apple."), Completion(Prompt("Name a fruit."), "A pear, mate."))


def labels(request: Request) -> Reply:
    return Reply("A", label_logprobs={"A": -0.1, "B": -2.4}) if request.sampling.labels else Reply("It likes apples.")


@pytest.mark.parametrize("style", STYLES)
def test_each_way_of_telling_says_what_it_should(style: str, fake_engine):
    engine = fake_engine(labels)
    (said,) = annotate([PAIR], PersonaJudge(3, style=style), engine=engine).results
    person = next(each for each in population(3).personas if each.id == said.persona)
    asked = engine.asked[-1].messages
    whole = "\n".join(turn.content for turn in asked)
    assert (f"education: {person.education}" in whole) == (style != "none")
    assert ("\nbig five:" in whole) == (style in ("full", "cot"))
    assert ("this person" in whole) == (style != "none")
    assert len(engine.asked) == (2 if style == "cot" else 1)
    assert said.rationale == ("It likes apples." if style == "cot" else "")


def test_the_pair_is_first_and_shared_by_all_who_judge_it(fake_engine):
    engine = fake_engine(labels)
    (said,) = annotate([PAIR], PersonaJudge(4, asks="all"), engine=engine).results
    asked = [each.messages[-1].content for each in engine.asked]
    shared = len(asked[0][: asked[0].index("persona =====")])
    assert len(asked) == len({text[shared:] for text in asked}) == 4
    assert len({text[:shared] for text in asked}) == 1
    assert "An apple." in asked[0][:shared]
    assert [each.persona for each in said.parts] == [each.id for each in population(4).personas]
    first = fake_engine(labels)
    annotate([PAIR], PersonaJudge(4, asks="all", persona_first=True), engine=first)
    assert all(each.messages[-1].content.startswith("===== persona =====") for each in first.asked)


def test_an_attribute_can_be_left_out_and_the_rest_stays(fake_engine):
    one, other = fake_engine(labels), fake_engine(labels)
    annotate([PAIR], PersonaJudge(1), engine=one)
    annotate([PAIR], PersonaJudge(1, without=["religion"]), engine=other)
    told, silent = (set(each.asked[0].messages[-1].content.split("\n")) for each in (one, other))
    assert {line.split(":")[0] for line in told - silent} == {"religion"}
    assert silent < told


def test_of_all_who_are_asked_everybody_counts_alike(fake_engine):
    def respond(request: Request) -> Reply:
        p = 0.05 + 0.9 * (crc32(request.messages[-1].content.encode()) % 101) / 101
        return Reply("A", label_logprobs={"A": math.log(p), "B": math.log(1 - p)})

    (said,) = annotate([PAIR], PersonaJudge(5, asks="all"), engine=fake_engine(respond)).preferences
    each = [part.p_left for part in said.parts]
    assert len(set(each)) == 5
    assert said.p_left == pytest.approx(sum(each) / 5)
    assert said.p_left != pytest.approx(sorted(each)[2])


def test_one_person_whose_answer_cannot_be_read_does_not_silence_the_others(fake_engine):
    ids = [each.id for each in population(3).personas]

    def respond(request: Request) -> Reply | Exception:
        text = request.messages[-1].content
        people = population(3).personas
        if f"age: {people[0].age}\nsex: {people[0].sex}" in text:
            return Reply("hm")
        return labels(request)

    with Store() as store:
        (said,) = annotate([PAIR], PersonaJudge(3, asks="all"), engine=fake_engine(respond), store=store).results
        assert [each.persona for each in said.parts] == ids[1:]
        assert [each.reason.value for each in said.silent] == ["unparsable"]
        assert len(store) == 2  # what could not be read is asked again
    none = annotate([PAIR], PersonaJudge(3, asks="all"), engine=fake_engine(lambda _: Reply("hm")))
    assert none.reasons == {"unparsable": 1}


def test_personas_come_from_a_file_and_bad_ones_are_refused(tmp_path: Path):
    write_personas(tmp_path / "p.jsonl", population(3, seed=5).personas)
    judge = PersonaJudge(str(tmp_path / "p.jsonl"), which="persona-5-1")
    assert [each.id for each in judge.personas] == ["persona-5-1"]
    with pytest.raises(InputError, match="no persona has the id 'persona-9-9'; there are 13: persona-0-0"):
        PersonaJudge(which="persona-9-9")
    with pytest.raises(InputError, match="no persona style is called 'ful'"):
        PersonaJudge(style="ful")
    with pytest.raises(InputError, match="asks is 'each'"):
        PersonaJudge(asks="each")
    with pytest.raises(InputError, match="persona_first is of a judge that is told of a person"):
        PersonaJudge(style="none", persona_first=True)


def test_a_judge_that_knows_the_person_agrees_with_them_more_than_one_that_does_not():
    """PERSONA's check, in the text world, whose users are the personas: the truth of each label is known."""
    world = text_personas(0, preference=300)
    items = world_items(world, "pair", 300)

    def right(style: str) -> float:
        said = annotate(items, PersonaJudge(13, style=style), engine=Actor()).preferences
        return float(np.mean([(each.p_left > 0.5) == (world.advantage(each.comparison, each.persona) > 0) for each in said]))

    known, unknown = right("full"), right("none")
    assert known > unknown + 0.02


def test_the_gain_of_knowing_the_person_is_the_minoritys():
    """Of the persons, those who agree least with the mean user gain most by being told of."""
    world = text_personas(0, spread=2.0, preference=500)
    items = world_items(world, "pair", 500)
    signs = {"gold": np.array([world.advantage(each) > 0 for each in items])}
    people = PersonaJudge(12).personas
    signs |= {each.id: np.array([world.advantage(item, each.id) > 0 for item in items]) for each in people}
    by_majority = sorted(people, key=lambda each: float(np.mean(signs[each.id] == signs["gold"])))

    def right(person: str, style: str) -> float:
        said = annotate(items, PersonaJudge(12, which=person, style=style), engine=Actor()).preferences
        return float(np.mean(np.array([each.p_left > 0.5 for each in said]) == signs[person]))

    def gain(person: str) -> float:
        return right(person, "full") - right(person, "none")

    minority, majority = ([gain(each.id) for each in group] for group in (by_majority[:3], by_majority[-3:]))
    assert min(minority) > 0.02
    assert np.mean(minority) > np.mean(majority) + 0.02


def opposed(world: TextWorld) -> list[Comparison]:
    """Pairs that differ in their tone alone."""
    return [
        Comparison(Completion(prompt, f"Certainly. {said}"), Completion(prompt, f"Sure thing! {said}"))
        for prompt in world.prompts("preference")
        if "ormal" not in prompt.text and "asual" not in prompt.text
        for said in ["I know the answer well."]
    ]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("persona", {"foo": 1}, "'persona' was given 'foo', which is not a part of its judge; the parts: system, shared"),
        ("persona", {"thinks": True}, "was given 'thinks'"),
        ("persona", {"extras": ["x"], "style": "none"}, "was given 'extras'"),
        ("persona", {"pair": 3, "persona_first": True}, "'pair' of the annotator 'persona' is 3; it is text"),
        ("janus", {"foo": 1}, "'janus' was given 'foo'"),
        ("janus", {"template": "x"}, "was given 'template'"),
        ("janus", {"extras": ["x"]}, "was given 'extras'"),
    ],
)
def test_what_is_no_part_of_the_inner_judge_is_refused(name, options, message):
    with pytest.raises(InputError, match=message):
        make_annotator(name, **options)


def test_opposed_values_flip_the_labels_of_a_pair():
    pairs = opposed(TextWorld(0))
    assert len(pairs) > 100
    rest = {"background": "expert", "informativeness": "relevant", "harmlessness": "accurate"}
    formal, casual = (annotate(pairs, Janus({"style": style} | rest), engine=Actor()).preferences for style in ("formal", "casual"))
    assert np.mean([each.p_left > 0.5 for each in formal]) > 0.9
    assert np.mean([each.p_left < 0.5 for each in casual]) > 0.9


def test_a_combination_is_drawn_where_none_is_given_and_is_said(fake_engine):
    janus = Janus({"style": "formal"})
    engine = fake_engine(labels)
    said = annotate([PAIR, *opposed(TextWorld(0))[:60]], janus, engine=engine).preferences
    held = {each.persona for each in said}
    assert len(held) > 10
    assert all("style=formal" in each for each in held)
    assert "style: Prefer formal answers." in engine.asked[0].messages[-1].content


def test_an_answer_is_scored_by_a_rubric_of_the_values(fake_engine):
    answer = PAIR.left
    (said,) = annotate([answer], Janus(), engine=fake_engine(lambda _: Reply(
        '{"rationale": "ok", "style": 4, "background": 2, "informativeness": 5, "harmlessness": 1}'
    ))).results  # fmt: skip
    assert said == Rating(answer, {"style": 4, "background": 2, "informativeness": 5, "harmlessness": 1}, "janus", "ok", said.usage)
    bad = annotate([answer], Janus(), engine=fake_engine(lambda _: Reply('{"style": 9, "background": 2}')))
    assert bad.reasons == {"unparsable": 1}


def test_unknown_values_are_refused():
    with pytest.raises(InputError, match="no dimension of values is called 'stile'"):
        Janus({"stile": "formal"})
    with pytest.raises(InputError, match=r"no value of 'style' is called 'formel'.*Did you mean 'formal'"):
        Janus({"style": "formel"})
    with pytest.raises(InputError, match="a table of values, each with a sentence"):
        Janus(hierarchy={"style": {}})
