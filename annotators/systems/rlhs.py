"""Feedback in hindsight: what comes of acting on an answer is simulated, and then it is judged (Liang et al. 2025,
arXiv:2501.08617; departures: docs/annotators/rlhs.md). Judged at once (foresight), an answer is worth what it promises, and a
policy trained on that learns to promise. `Foresight` and `Hindsight` are the same two users by a world's truth, without an
engine."""

from dataclasses import dataclass
from typing import Any

from ...core.errors import InputError
from ...core.protocols import Ask, Rng, Unread
from ...core.records import Abstention, Comparison, Item, Preference
from ..annotator import Traits, answer_seed, pair_of, shared_seed
from ..prompting.prompted import Prompted, json_schema, label_p_left, parts, prose, together
from ..scripted.pairs import BradleyTerry

MODES = ("hindsight", "foresight")
LABELS = ("A", "B")


class Rlhs:
    """mode: `hindsight` simulates the outcome of each answer and judges with both outcomes shown (`rationale` holds them);
    `foresight` judges at once. outcome, judge: parts that replace those of the templates `rlhs_outcome`, and `rlhs_judge` or
    (foresight) `rlhs_foresight`. name: unless given, `rlhs(hindsight)` or `rlhs(foresight)`. Abstains where an outcome or the
    verdict cannot be read."""

    traits = Traits(engine=True)

    def __init__(
        self, mode: str = "hindsight", outcome: dict[str, Any] | None = None, judge: dict[str, Any] | None = None, name: str = ""
    ) -> None:
        if mode not in MODES:
            raise InputError(f"the mode is {mode!r}; it is one of {', '.join(MODES)}")
        if mode == "foresight" and outcome:
            raise InputError("foresight simulates no outcome; leave out `outcome`, or take hindsight")
        self.name, self.mode = name or f"rlhs({mode})", mode
        schema = json_schema({"outcome": {"type": "string"}})
        self._outcome = Prompted("rlhs_outcome", kind="answer", schema=schema, **parts(self.name, outcome))
        shown = ("outcome_left", "outcome_right") if mode == "hindsight" else ()
        file = "rlhs_judge" if mode == "hindsight" else "rlhs_foresight"
        self._judge = Prompted(file, extras=shown, labels=LABELS, **parts(self.name, judge))

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        try:
            if self.mode == "foresight":
                return Preference(pair, await label_p_left(self._judge.request(pair), LABELS, pair, ask, self.name), self.name)
            seed = shared_seed(rng)
            asked = [self._outcome.request(each, answer_seed(seed, each)) for each in (pair.left, pair.right)]
            left, right = await together(prose(each, "outcome", pair, ask, self.name) for each in asked)
            request = self._judge.request(pair, outcome_left=left, outcome_right=right)
            told = f"Outcome of the left answer: {left}\n\nOutcome of the right answer: {right}"
            return Preference(pair, await label_p_left(request, LABELS, pair, ask, self.name), self.name, rationale=told)
        except Unread as unread:
            return unread.because


@dataclass(frozen=True)
class Foresight(BradleyTerry):
    """A world's user who judges answers by how they look before anything came of them (`world.seen`). See `BradleyTerry`."""

    name: str = "foresight"

    def advantage(self, pair: Comparison) -> float:
        """What left seems to be worth more than right, in nats."""
        left, right = self.world.seen((pair.left, pair.right)) @ self.world.weights(self.user)
        return float(left - right)


@dataclass(frozen=True)
class Hindsight(BradleyTerry):
    """The same user after the outcome: answers are worth what they are."""

    name: str = "hindsight"
