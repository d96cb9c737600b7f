"""What every engine promises (`core.protocols.Engine`)."""

from ..core.protocols import Engine
from ..core.requests import Message, Reply, Request, Sampling


def check_engine(engine: Engine) -> None:
    """Raises AssertionError where an engine breaks a promise: every request is answered exactly once, equal ones alike; labels,
    choices and continuations are answered as asked; a seed says the same in any order and company, and seeds differ. The engine is
    asked about 40 short requests, some for log-probabilities of labels and of continuations."""
    for law in ENGINE_LAWS:
        law(engine)


def ask(text: str, continuation: str | None = None, **sampling: object) -> Request:
    """A request of one user's turn."""
    return Request((Message("user", text),), Sampling(**sampling), continuation)  # pyright: ignore[reportArgumentType]


MIXED = (
    ask("the cat sat", max_tokens=4),
    ask("who is better A or B", max_tokens=1, labels=("A", "B")),
    ask("the cat sat", max_tokens=4),  # a duplicate
    ask("sky is", choices=("red", "blue sky", "blue")),
    ask("the dog", "ran on the mat"),
    ask("one two three four five six seven", max_tokens=6, temperature=1.0, seed=5),
    ask("one", max_tokens=2, temperature=0.7, top_p=0.9, seed=6),
    ask("who", max_tokens=3, choices=("yes", "no"), labels=("yes", "no")),
)


def answers_each_once(engine: Engine) -> None:
    """Every index comes exactly once, duplicates agree, and no requests give no replies."""
    replies = list(engine.generate(MIXED))
    assert sorted(index for index, _ in replies) == list(range(len(MIXED))), f"{engine.name!r} did not answer each request once"
    found = dict(replies)
    failed = {index: reply for index, reply in found.items() if not isinstance(reply, Reply)}
    assert not failed, f"{engine.name!r} failed on requests that every engine answers: {failed}"
    assert found[0] == found[2], f"{engine.name!r} answered two equal requests differently"
    assert list(engine.generate([])) == [], f"{engine.name!r} answered requests that nobody made"


def answers_as_asked(engine: Engine) -> None:
    """Labels, choices and continuations are answered by what was asked for."""
    found = {index: reply for index, reply in engine.generate(MIXED) if isinstance(reply, Reply)}
    for index in (1, 7):
        logprobs = found[index].label_logprobs
        assert set(logprobs) == set(MIXED[index].sampling.labels), f"{engine.name!r} scored the labels {sorted(logprobs)}"
        assert all(value <= 0 for value in logprobs.values()), f"{engine.name!r} gave log-probabilities above 0: {logprobs}"
    for index in (3, 7):
        said = found[index].text
        assert said in MIXED[index].sampling.choices, f"{engine.name!r} said {said!r}, which is not a choice"
    logprob = found[4].logprob
    assert logprob is not None, f"{engine.name!r} gave a continuation no log-likelihood"
    assert logprob < 0, f"{engine.name!r} gave a continuation the log-likelihood {logprob}"
    assert (found[4].text, found[4].completion_tokens > 0) == ("", True), f"{engine.name!r} wrote more after a continuation"
    assert all(reply.prompt_tokens > 0 for reply in found.values()), f"{engine.name!r} counted no tokens of a prompt"


def knows_no_company(engine: Engine) -> None:
    """The same seed says the same in any order and company."""
    sampled = [ask(f"the {word} sat on", max_tokens=6, temperature=1.0, seed=9) for word in ("cat", "dog", "sky", "sea", "mat")]
    forward, backward = dict(engine.generate(sampled)), dict(engine.generate(sampled[::-1]))
    for place, request in enumerate(sampled):
        alone = next(iter(engine.generate([request])))[1]
        texts = [getattr(each, "text", each) for each in (forward[place], backward[4 - place], alone)]
        assert texts[0] == texts[1] == texts[2], f"{engine.name!r} said {texts} to one request in other orders and company"


def draws_by_seed(engine: Engine) -> None:
    """Other seeds and other prompts draw otherwise."""
    prompts = ("the cat", "the dog")
    found = dict(engine.generate([ask(text, max_tokens=8, temperature=1.5, seed=seed) for text in prompts for seed in range(6)]))
    texts = [getattr(found[place], "text", "") for place in range(12)]
    assert len(set(texts[:6])) >= 4, f"{engine.name!r} said one thing under several seeds: {texts[:6]}"
    assert texts[:6] != texts[6:], f"{engine.name!r} said the same to two prompts"


ENGINE_LAWS = (answers_each_once, answers_as_asked, knows_no_company, draws_by_seed)
