"""One name for three ways to have pairs judged by language models: a judge, a jury, a debate (Arif et al. 2024, *The Fellowship
of the LLMs*, arXiv:2408.08688; departures: docs/annotators/judge-jury-debate.md)."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ...core.errors import InputError
from ...core.protocols import Annotator, Ask, Rng, Unread
from ...core.records import Abstention, Comparison, Completion, Item, Preference
from ...core.registry import check_types
from ..annotator import Traits, answer_seed, pair_of, renamed, shared_seed, verdict_of
from ..judges.judge import Judge
from ..judges.verdict import P_LEFT, PromptedVerdict
from ..panels.panel import Jury
from ..panels.turns import Debate
from ..parsing.values import read_scores
from ..prompting.prompted import Prompted, json_schema, together

SCALE = (1, 10)


class ScoreJudge:
    """Scores each answer by itself, 1 to 10, and prefers the higher; equal scores tie. `strength` is the difference.

    parts: replace those of `templates/judge_score.toml`."""

    def __init__(self, name: str = "judge-score", **parts: Any) -> None:
        self.name = name
        schema = json_schema({"rationale": {"type": "string"}, "overall": {"type": "integer", "minimum": 1, "maximum": 10}})
        self._question = Prompted("judge_score", kind="answer", schema=schema, name=name, **parts)

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Abstention:
        pair, seed = pair_of(item, self.name), shared_seed(rng)
        try:
            left, right = await together(self._score(answer, pair, ask, seed) for answer in (pair.left, pair.right))
        except Unread as unread:
            return unread.because
        return Preference(pair, 0.5 + 0.5 * ((left > right) - (left < right)), self.name, strength=abs(left - right))

    async def _score(self, answer: Completion, pair: Comparison, ask: Ask, seed: int) -> float:
        request = self._question.request(answer, answer_seed(seed, answer))
        reply = await ask(request)
        scores = read_scores(reply.text, ("overall",), *SCALE)
        if scores is None:
            raise Unread(self._question.unread(pair, request, reply, "no `overall` from 1 to 10 in the reply"))
        return scores["overall"]


class CombinedJudge(PromptedVerdict):
    """Scores both answers in one prompt, and then says which is better and by how much.

    parts: replace those of `templates/judge_combined.toml`."""

    template = "judge_combined"
    verdict: ClassVar = {"type": "string", "enum": list(P_LEFT)}
    properties: ClassVar = {**PromptedVerdict.properties, "rationale": {"type": "string"}, "verdict": verdict}


FORMS: Mapping[str, type] = {"direct": Judge, "score": ScoreJudge, "combined": CombinedJudge}


class JudgeJuryDebate:
    """The paper's arrangements under one name.

    arrangement: `judge`, `jury` or `debate`. form: of a judge: `direct` (which is better), `score` (each answer by itself) or
    `combined` (both scored in one prompt). members: of the jury; unless given, the three forms of judge. Other options go to the
    arrangement: `rule` and `quorum` of a jury; `rounds`, `balanced` ... of a debate; a template's parts of a judge. name: unless
    given, it says the arrangement and the form, as in `judge-jury-debate(score judge)`."""

    traits = Traits(engine=True)

    def __init__(
        self, arrangement: str = "judge", form: str = "", members: Sequence[Annotator] | None = None, name: str = "", **options: Any
    ) -> None:
        if form and (arrangement != "judge" or form not in FORMS):
            raise InputError(f"the form is {form!r} with arrangement={arrangement!r}; it is one of {', '.join(FORMS)}, of a judge")
        if members is not None and arrangement != "jury":
            raise InputError(f"`members` were given with arrangement={arrangement!r}; they are those of a jury")
        self.name, self.arrangement = name or f"judge-jury-debate({f'{form} {arrangement}'.strip()})", arrangement
        makers: dict[str, Any] = {"judge": FORMS[form or "direct"], "jury": Jury, "debate": Debate}
        if arrangement not in makers:
            raise InputError(f"there is no arrangement {arrangement!r}; known: {', '.join(makers)}")
        if arrangement == "jury":
            options = {"members": [make() for make in FORMS.values()] if members is None else members} | options
        check_types(makers[arrangement], options, f"the arrangement {arrangement!r}")
        try:
            self.inner: Annotator = makers[arrangement](**options)
        except TypeError as error:
            raise InputError(f"the arrangement {arrangement!r} does not take these options: {error}") from error

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Abstention:
        return renamed(verdict_of(await self.inner.annotate(item, ask, rng), self.inner.name, self.name), self.name)
