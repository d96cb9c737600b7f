"""An engine that plays a language model in the text world, by rule: so that whatever asks a model runs end to end without one.

It finds the fenced sections that Pasture's prompts are made of (`scene`), judges by the text world's truth and by the rules
in words of `persona`, `values` and `principles` (`principles`), and says what it is asked for (`says`). What it is
asked about things that are not of the text world it leaves unanswered (an EngineError says so), but for a plain question, to which
it says a hash, as the engine `scripted` does; and so it leaves what names a model: it plays one."""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from ....core.errors import EngineError
from ....core.requests import Message, Reply, Request, Sampling
from ....core.seeds import digest
from ....engines.scripted import answer_by_hash
from ..grammar import words_of
from ..principles import value
from .says import TIE, said_freely, said_in_json, verdict
from .scene import STRANGE, Habits, Scene, sections_of, see

FLOOR = 0.01  # nats of noise that label probabilities are made with at least, so that they stay finite
NAMED = "try --model %s=sharpness:2, one --model for each"
A_WORD, AN_ANSWER = 2.0, 10.0  # nats that each word, and any answer, costs a continuation whatever it is worth
VERDICT = json.dumps({"type": "object", "properties": {"verdict": {"enum": ["A", "B"]}}, "required": ["verdict"]})


class Actor(Habits):
    """Plays a language model in the text world.

    model: options in place of those below, as a command line says them: `skill:0.8,foresight:true`.
    temperature: noise in nats, >= 0. It prefers A to B with probability sigmoid(difference / temperature): label log-probabilities
        say so, and what it generates is drawn from it, by the conversation's first turns (and the seed, where the sampling
        temperature is not 0). A reference, a critique or arguments halve it. Its answers and revisions are made of the best edits;
        at a sampling temperature t above 0, of edits drawn by a softmax of their nats over t.
    skill: with probability 1 - skill it does not look, and takes the answers to be worth what a hash says.
    foresight: judge by how answers look, a false fact like a true one, until a section `outcome A`, `outcome B` (or `outcome`)
        tells.
    position_bias: nats by which it favours what is shown first. taste: rules in words that it has in every role.
    acceptable: nats below which it finds an answer unacceptable.
    sharpness: the log-likelihood of a continuation is -10 - 2 * words + sharpness * its worth, over words + 1 tokens, so that two
        actors differ by a tilt that is exactly exp(worth * difference of sharpness).
    prose: writes its JSON as chatter and a code block. seed: another actor with the same habits.
    prices: dollars per million prompt and completion tokens (words)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.name = f"actor:{digest(repr(self), _source()).hex()[:12]}"

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply | Exception]]:
        """Answers in order, one at a time."""
        for index, request in enumerate(requests):
            try:
                yield index, self.respond(request)
            except EngineError as error:
                yield index, error

    def respond(self, request: Request) -> Reply:
        """The one answer to a request. Raises EngineError for one that the actor has no answer to."""
        if request.model:
            raise EngineError(f"the actor plays one model, and the request asks for {request.model!r}; {NAMED % request.model}")
        scene, sampling = see(request, self), request.sampling
        if scene is None:
            batch = answer_batch(request, replace(self, prose=False).respond)
            if batch is None and (sampling.schema or sampling.labels or request.continuation is not None):
                raise EngineError(STRANGE)
            return batch or answer_by_hash(request)
        read = sum(turn.content.count(" ") + 1 for turn in request.messages)
        if request.continuation is not None:
            words = len(words_of(request.continuation))
            worth = self.sharpness * value(scene.taste, scene.prompt, request.continuation)
            logprob = min(worth - AN_ANSWER - A_WORD * words, -1e-3)
            return Reply("", logprob=logprob, prompt_tokens=read, completion_tokens=words + 1)
        logprobs = _labels(scene, sampling.labels) if sampling.labels else {}
        if sampling.choices or sampling.labels:
            text = _choice(scene, sampling.choices or sampling.labels)
        else:
            text = said_in_json(scene, sampling.schema) if sampling.schema else said_freely(scene)
        return Reply(text, label_logprobs=logprobs, prompt_tokens=read, completion_tokens=text.count(" ") + 1)


@lru_cache(maxsize=1)
def _source() -> str:
    """Digest of the code and parameters that decide what an actor says: those of the text world and of personas."""
    folders = (Path(__file__).parents[1], Path(__file__).parents[2] / "personas")
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix in (".py", ".toml", ".csv")]
    return digest(*(path.read_text(encoding="utf-8") for path in files)).hex()


def answer_batch(request: Request, respond: Callable[[Request], Reply]) -> Reply | None:
    """Of a prompt that puts several pairs at once, numbered, as AlpacaFarm's batches are: `verdicts`, one per pair, in the order of
    their numbers, each pair read by itself. None where the prompt holds no numbered pairs."""
    sections, _ = sections_of(request.messages)
    numbers = sorted(int(title.split()[1]) for title in sections if re.fullmatch(r"instruction \d+", title))
    if not numbers or '"verdicts"' not in request.sampling.schema:
        return None
    said = [json.loads(respond(_one(request, number, sections)).text)["verdict"] for number in numbers]
    text = json.dumps({"verdicts": said})
    read = sum(turn.content.count(" ") + 1 for turn in request.messages)
    return Reply(text, prompt_tokens=read, completion_tokens=len(said) + 1)


def _one(request: Request, number: int, sections: dict[str, str]) -> Request:
    """The request about one of the pairs alone, told of the same person."""
    shown = {
        "instruction": sections[f"instruction {number}"],
        **{f"answer {label}": sections.get(f"answer {label} to instruction {number}", "") for label in "AB"},
        **{title: sections[title] for title in ("persona", "values", "principles") if title in sections},
    }
    fence = "=" * (5 + max(len(run) for run in re.findall("=*", "\n".join(shown.values()))))
    text = "\n".join(f"{fence} {title} {fence}\n{inside}" for title, inside in shown.items()) + f"\n{fence} end {fence}"
    before = tuple(turn for turn in request.messages if turn.role == "system")
    sampling = Sampling(64, request.sampling.temperature, seed=request.sampling.seed, schema=VERDICT)
    return replace(request, messages=(*before, Message("user", text)), sampling=sampling)


def _labels(scene: Scene, labels: Sequence[str]) -> dict[str, float]:
    """Log-softmax over the labels of what each stands for, in nats of the noise."""
    nats = _nats(scene, labels, scene.worth, max(scene.noise, FLOOR))
    most = max(nats.values())
    total = most + math.log(sum(math.exp(each - most) for each in nats.values()))
    return {label: each - total for label, each in nats.items()}


def _choice(scene: Scene, options: Sequence[str]) -> str:
    if set(scene.answers) == {"A", "B"}:
        meanings = _meanings(options, scene)
        said = verdict(scene, set(meanings.values()))
        return next((option for option, means in meanings.items() if means == said), options[0])
    nats = _nats(scene, options, scene.judged, max(scene.noise, FLOOR))
    return max(options, key=nats.__getitem__)


def _meanings(labels: Sequence[str], scene: Scene) -> dict[str, str]:
    """Which answer (or verdict) each label stands for: itself where that is one, else the answer in its place."""
    known = (*scene.answers, "tie", "neither")
    places = dict(zip(labels, (*known, *[known[-1]] * len(labels)), strict=False))
    plain = {label: label.strip(" .()[]") for label in labels}
    return {label: said if said in known else places[label] for label, said in plain.items()}


def _nats(scene: Scene, labels: Sequence[str], worth: Mapping[str, float], noise: float) -> dict[str, float]:
    """Log-weight of each label: of answers and verdicts by worth, of a grade by its distance from the answer's, of yes and no by
    whether the answer is worth more than nothing."""
    numbers = [label.strip() for label in labels]
    if len(worth) == 1:
        at = next(iter(worth.values()))
        if all(each.isdigit() for each in numbers):
            low, high = min(map(int, numbers)), max(map(int, numbers))
            grade = low + (high - low) / (1 + math.exp(-at))
            return {label: -2.0 * (int(label) - grade) ** 2 for label in labels}
        good = {label: label.strip().lower().startswith(("y", "true", "good", "a")) for label in labels}
        return {label: (at if good[label] else -at) / noise / 2 for label in labels}
    if not worth:
        return dict.fromkeys(labels, 0.0)
    ordered = sorted(worth.values(), reverse=True)
    close = ordered[0] + TIE - (ordered[0] - ordered[1])
    extra = {"tie": close, "neither": -ordered[0]}
    return {label: (worth[means] if means in worth else extra[means]) / noise for label, means in _meanings(labels, scene).items()}
