"""Models that take turns: two sides argue, each for one answer, and a judge that has read both decides; or a reviewer and a writer
improve one answer.

Debate: Irving et al. 2018, arXiv:1805.00899; for preference data Arif et al. 2024, arXiv:2408.08688. Departs from them: the verdict
is read from label log-probabilities, and the judge hears the arguments in both orders. Review: the generation half of The
Fellowship of the LLMs (Arif et al.): the last answer and the first make a pair of preference data. Departs from it: an answer that
is there is where the loop starts (of a policy, or of a world), and a round that changes nothing ends it."""

from dataclasses import replace
from typing import Any

from ...core.errors import InputError
from ...core.protocols import Annotator, Ask, Rng, Unread
from ...core.records import Abstention, Comparison, Completion, Item, Preference, Revision
from ..annotator import Traits, completion_of, pair_of, request_seed
from ..judges.worded import PromptedEditor
from ..prompting.prompted import Prompted, json_schema, label_p_left, parts, prose, together

SIDES = ("A", "B")
HEARD = ("first_side", "first", "second_side", "second")


class Debate:
    """Both sides speak in each of `rounds`, at once and after reading the rounds before; then the judge decides.

    balanced: ask the judge twice, either argument first, and average; otherwise the argument for A always comes first.
    temperature: of the debaters, >= 0. argument, judge: parts that replace those of `templates/debate_argument.toml` and
    `templates/debate_judge.toml`. `rationale` holds the arguments. Abstains where an argument or the verdict cannot be read."""

    traits = Traits(engine=True)

    def __init__(
        self,
        rounds: int = 1,
        balanced: bool = True,
        temperature: float | None = None,
        argument: dict[str, str] | None = None,
        judge: dict[str, str] | None = None,
        name: str = "debate",
    ) -> None:
        if rounds < 1:
            raise InputError(f"a debate of {rounds} rounds was asked for; it has at least 1")
        self.name, self.rounds, self.balanced = name, rounds, balanced
        schema = json_schema({"argument": {"type": "string"}})
        extras = ("side", "for_a", "for_b")
        self.debater = Prompted("debate_argument", extras=extras, schema=schema, **parts(name, argument, temperature=temperature))
        self.judge = Prompted("debate_judge", extras=HEARD, labels=SIDES, **parts(name, judge))

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        try:
            argued = await self._argued(pair, ask, rng)
            orders = [("A", "B"), ("B", "A")] if self.balanced else [("A", "B")]
            shown = [dict[str, Any](zip(HEARD, (a, argued[a], b, argued[b]), strict=True)) for a, b in orders]
            asked = [self.judge.request(pair, **each) for each in shown]
            heard = await together(label_p_left(request, SIDES, pair, ask, self.name) for request in asked)
        except Unread as unread:
            return unread.because
        rationale = "\n\n".join(f"For {side}: {text}" for side, text in argued.items())
        return Preference(pair, sum(heard) / len(heard), self.name, rationale=rationale)

    async def _argued(self, pair: Comparison, ask: Ask, rng: Rng) -> dict[str, str]:
        """All that each side said, by side."""
        argued: dict[str, str] = dict.fromkeys(SIDES, "")
        for _ in range(self.rounds):
            before = {"for_a": argued["A"], "for_b": argued["B"]}
            asked = [self.debater.request(pair, request_seed(rng), side=side, **before) for side in SIDES]
            said = await together(prose(request, "argument", pair, ask, self.name) for request in asked)
            argued = {side: f"{argued[side]}\n\n{text}".strip() for side, text in zip(SIDES, said, strict=True)}
        return argued


class ReviewLoop:
    """An answer rewritten `rounds` times, 1 or more, each time to heed a new critique of what it has become.

    inner: the reviewer, any annotator that gives a Critique (by default a `Critic`); `on-model` lets another model review than
    writes. It abstains where a round cannot be read; the rounds before are in the store, and are not paid for again."""

    traits = Traits(engine=True, item="answer", gives="a revision of an answer")

    def __init__(self, rounds: int = 3, inner: Annotator | None = None, name: str = "review-loop") -> None:
        if rounds < 1:
            raise InputError(f"the rounds are {rounds}; a loop has 1 or more")
        self.name, self.rounds = name, rounds
        self._editor = PromptedEditor(inner)

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Revision | Abstention:
        first = now = completion_of(item, self.name)
        said: Any = None
        for _ in range(self.rounds):
            said = await self._editor.annotate(now, ask, rng)
            if isinstance(said, Abstention):
                return replace(said, item=first, annotator=self.name)
            if said.text == now.text:
                break
            now = Completion(first.prompt, said.text)
        return Revision(first, now.text, self.name, said.critique)
