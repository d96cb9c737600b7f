"""Extracts a short constitution from preferences: the principles that best explain them (Inverse Constitutional AI, Findeis et al.
2024, arXiv:2406.06560; departures: docs/annotators/icai.md).

A model proposes principles for each preference; alike ones are clustered and one of each cluster is kept; each then votes on all
pairs, or a sample of them; those that speak to few pairs, or mostly against the labels, are dropped; the best make the
constitution."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ....core.errors import BudgetExceeded, EngineError, InputError, PastureError
from ....core.files.labels import read_preferences
from ....core.ledger import Quote
from ....core.protocols import Ask, Unread
from ....core.records import Abstention, Item, Preference
from ....core.records.conversions import drawn_order
from ....core.requests import Request
from ....core.seeds import rng_for
from ...panels.panel import nobody
from ...parsing.objects import read_texts
from ...prompting.prompted import Prompted, heard, json_schema, label_p_left
from ...prompting.prompted import unread as unread_reply
from ...runner.session import Session

NAME = "constitution"  # of who proposes and votes, in what is said of replies that could not be read
Embed = Callable[[Sequence[str]], np.ndarray]  # texts to vectors, [N, D]; they are scaled to length 1
EVERYWHERE = frozenset((
    "a", "an", "and", "answer", "answers", "better", "favour", "for", "in", "is", "it", "of", "one", "or", "prefer", "preferred",
    "response", "select", "that", "the", "to", "which",
))  # fmt: skip
"""Words of nearly every principle, which say nothing of what it is about."""


class Voter(Prompted):
    """The question of `templates/icai.toml`: which answer do these principles favour?"""

    def __init__(self, name: str = "icai", **parts: Any) -> None:
        self.labels = ("A", "B")
        super().__init__("icai", extras=("principles",), labels=self.labels, name=name, **parts)

    def request(self, item: Item, principles: Sequence[str]) -> Request:  # pyright: ignore[reportIncompatibleMethodOverride]
        listed = principles[0] if len(principles) == 1 else "\n".join(f"{k}. {each}" for k, each in enumerate(principles, 1))
        return super().request(item, principles=listed)


@dataclass(frozen=True, slots=True)
class Principle:
    """A principle and its votes: `right` as the labels have it, `wrong` against them, `neither` where it says little of the pair.
    Votes that could not be had are none of these."""

    text: str
    proposed: int  # how often it, or one of its cluster, was proposed
    right: int
    wrong: int
    neither: int

    @property
    def relevance(self) -> float:
        """Share of the pairs that it was asked about that it speaks to, in [0, 1]."""
        return (self.right + self.wrong) / max(self.right + self.wrong + self.neither, 1)

    @property
    def accuracy(self) -> float:
        """Share of its votes that are as the labels; 0.5 where it has none."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 0.5


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was found: `kept`, best first, and `dropped`."""

    kept: tuple[Principle, ...]
    dropped: tuple[Principle, ...]
    pairs: int  # decided preferences that were given
    proposals: int
    votes: int  # those asked for, those of `silent` included
    silent: tuple[Abstention, ...] = ()
    """Proposals and votes that could not be read, or that the engine gave up on: counted, and no vote."""

    @property
    def says_nothing(self) -> bool:
        """Whether votes were asked for and none could be had: a failure of the engine, and no finding about the preferences."""
        return self.votes > 0 and not any(each.right + each.wrong + each.neither for each in (*self.kept, *self.dropped))

    @property
    def constitution(self) -> tuple[str, ...]:
        return tuple(each.text for each in self.kept)


async def extract(
    preferences: Sequence[Preference],
    ask: Ask,
    *,
    proposing: int = 100,
    per_pair: int = 3,
    distance: float = 0.9,
    embed: Embed | None = None,
    voting: int = 200,
    margin: float = 0.1,
    voter: Voter | None = None,
    top: int = 5,
    least_relevance: float = 0.1,
    least_accuracy: float = 0.55,
    seed: int = 0,
) -> Extraction:
    """The constitution of at most `top` principles behind `preferences`; ties among them are left out.

    per_pair: principles proposed a pair, at most. proposing, voting: pairs (drawn by `seed`) that principles are proposed for, and
    vote on, at most. distance: between the vectors (of length 1, so from 0 to 2) of a cluster's parts, on average, at most. margin:
    a principle votes where its P(A) is further than this from 0.5. least_relevance, least_accuracy: of a kept principle, in [0, 1].
    Kept principles are those with most right less wrong votes. A proposal or a vote that cannot be had is one less. Raises
    InputError where no preference is decided, Unread where no proposal can be had, and BudgetExceeded."""
    decided = [each for each in preferences if not each.is_tied]
    if not decided:
        given = f"there are {len(preferences)} preferences and all are ties"
        raise InputError(f"{given}; a constitution is extracted from decided ones")
    if min(top, per_pair, proposing, voting) < 1 or not 0 <= margin < 0.5:
        counts = f"top={top}, per_pair={per_pair}, proposing={proposing}, voting={voting}: at least 1"
        raise InputError(f"{counts}; margin={margin}: in [0, 0.5)")
    order = rng_for(seed, "constitution").permutation(len(decided))
    pairs = [(decided[k], decided[k].comparison) for k in order]
    # Each in an order drawn from its content, for what was preferred must not be known by its place.
    shown = [said if drawn_order(pair.left, pair.right).left is pair.left else said.swapped() for said, pair in pairs]
    items = {"type": "array", "items": {"type": "string"}, "maxItems": per_pair}
    proposer = Prompted("icai_propose", extras=("preferred", "most"), schema=json_schema({"principles": items}))
    asking = (_proposed(each, per_pair, proposer, ask) for each in shown[:proposing])
    proposed, unread = await heard(asking, shown[0].comparison, NAME)
    if not proposed:
        raise Unread(nobody(shown[0].comparison, unread, NAME))
    counted = Counter(text for texts in proposed for text in texts)
    candidates = clustered(counted, distance, embed or tfidf)
    voter = voter or Voter()
    asked = [(text, each) for text in candidates for each in shown[:voting]]
    votes, unheard = await heard((_vote(text, each, margin, voter, ask) for text, each in asked), shown[0].comparison, NAME)
    sides = {text: Counter[int]() for text in candidates}
    for text, side in votes:
        sides[text][side] += 1
    found = [Principle(text, n, sides[text][1], sides[text][-1], sides[text][0]) for text, n in candidates.items()]
    ranked = sorted(found, key=lambda each: (each.wrong - each.right, each.text))
    good = [each for each in ranked if each.relevance >= least_relevance and each.accuracy >= least_accuracy][:top]
    dropped = tuple(each for each in ranked if each not in good)
    return Extraction(tuple(good), dropped, len(shown), len(shown[:proposing]), len(asked), unread + unheard)


def fit_constitution(preferences: Sequence[Preference] | str | Path, session: Session, **options: Any) -> Extraction:
    """`extract` from preferences, or a file of them, as one task of the session: kept, budgeted, and resumed where it was killed.
    options: `extract`'s. Raises PastureError where it could not be finished, saying why."""
    found = read_preferences(preferences) if isinstance(preferences, str | Path) else preferences
    why = "there are no preferences"
    try:
        extraction = session.run_task(NAME, lambda ask: extract(found, ask, **options)) if found else None
        if extraction and not extraction.says_nothing:
            return extraction
        if extraction:
            why = nobody(found[0].comparison, extraction.silent, NAME).detail
    except (BudgetExceeded, EngineError, Unread) as error:
        why = str(error)
    raise PastureError(f"no constitution was extracted: {why}; run it again with the same store to go on from there")


def price_constitution(preferences: Sequence[Preference], session: Session, **options: Any) -> Quote:
    """What `fit_constitution` would buy, at most: as if no two of the proposed principles were alike."""
    return replace(session.price_task(NAME, lambda ask: extract(preferences, ask, **options)), items=len(preferences))


async def _proposed(preference: Preference, most: int, proposer: Prompted, ask: Ask) -> tuple[str, ...]:
    """The principles proposed for one pair. Raises Unread where the reply lists none that can be read."""
    preferred = "A" if preference.p_left > 0.5 else "B"
    request = proposer.request(preference.comparison, preferred=preferred, most=str(most))
    reply = await ask(request)
    texts = read_texts(reply.text, "principles")
    if texts is None:
        raise Unread(unread_reply(preference.comparison, request, reply, "no list of `principles` in the reply", NAME))
    return tuple(dict.fromkeys(" ".join(each.split()) for each in texts[:most]))


async def _vote(text: str, label: Preference, margin: float, voter: Voter, ask: Ask) -> tuple[str, int]:
    """The principle, and 1 where it speaks for the label, -1 where against it, 0 where for neither. Raises Unread."""
    pair = label.comparison
    p_left = await label_p_left(voter.request(pair, (text,)), voter.labels, pair, ask, NAME)
    side = 1 if (p_left > 0.5) == (label.p_left > 0.5) else -1
    return text, side if abs(p_left - 0.5) > margin else 0


def clustered(counted: Counter[str], distance: float, embed: Embed) -> dict[str, int]:
    """The most often proposed text of each cluster, and how often those of the cluster were proposed; in order of the texts."""
    texts = sorted(counted)
    if len(texts) < 2:
        return dict(counted)
    from sklearn.cluster import AgglomerativeClustering

    vectors_ND = np.asarray(embed(texts), dtype=float)
    if vectors_ND.shape[:1] != (len(texts),):
        raise InputError(f"`embed` made vectors of shape {vectors_ND.shape} of {len(texts)} texts; it makes one row a text")
    vectors_ND = vectors_ND / np.maximum(np.linalg.norm(vectors_ND, axis=1, keepdims=True), 1e-12)
    how: dict[str, Any] = {"n_clusters": None, "distance_threshold": distance, "linkage": "average"}
    labels = AgglomerativeClustering(**how).fit(vectors_ND).labels_.tolist()
    clusters = [[text for text, label in zip(texts, labels, strict=True) if label == each] for each in dict.fromkeys(labels)]
    found = {max(group, key=lambda text: counted[text]): sum(counted[text] for text in group) for group in clusters}
    return dict(sorted(found.items()))


def tfidf(texts: Sequence[str]) -> np.ndarray:
    """TF-IDF of the words that tell principles apart, [N, D]. Opposites that differ in one word share little."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(stop_words=sorted(EVERYWHERE), token_pattern=r"(?u)\b\w+\b")
    try:
        return vectorizer.fit_transform(texts).toarray()  # pyright: ignore[reportAttributeAccessIssue]
    except ValueError:  # no text has a word that tells anything: each is its own
        return np.eye(len(texts))
