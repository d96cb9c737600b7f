"""A user who edits what an assistant drafts, by a latent preference that depends on the context, and the steps of CIPHER, which
learns it from the edits (Gao et al. 2024, arXiv:2404.15269; departures: docs/annotators/cipher.md)."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...core.errors import InputError
from ...core.protocols import Ask, Rng, Unread
from ...core.records import Abstention, Comparison, Completion, Item, Preference, Prompt, Revision
from ...core.requests import Request
from ...simulators.text.edits import improve
from ...simulators.text.grammar import parse_instruction, split_sentences
from ...simulators.text.principles import read_rules, value
from ...simulators.text.rules import GOLD
from ..annotator import Traits, answer_seed, completion_of, shared_seed
from ..prompting.prompted import Prompted, json_schema, parts, prose, together
from .icai.extraction import Embed, tfidf

RULES = {
    "capital": "Prefer formal answers. Prefer lists.",
    "colour": "Prefer casual answers. Prefer plain text.",
    "home": "Prefer casual answers. Prefer lists.",
    "food": "Prefer formal answers. Prefer plain text.",
}
"""What the default user likes, by the kind of question that the text world asks."""
LEAST_GAIN = 0.3  # nats that an edit has to gain for the user to make it
BY = ("rule", "engine")


def kind_of_question(prompt: Prompt) -> str:
    """The context of a prompt of the text world: what it asks about. Raises InputError for another world's."""
    return parse_instruction(prompt.text).kind


class EditingUser:
    """Reads one answer (the draft) and returns a Revision: the draft as this user would have it, the same text where it suits. Of
    two answers it prefers the one that costs fewer words to edit, by `strength` words.

    rules: context -> what the user likes there, in sentences; a context without one is edited by the common taste alone. by: `rule`
    edits by the text world's own steps, those that gain the user something; `engine` asks a language model. context: of a prompt.
    user: parts that replace those of `templates/cipher_user.toml`."""

    traits = Traits(symmetric=True)

    def __init__(
        self,
        rules: Mapping[str, str] | None = None,
        by: str = "rule",
        context: Callable[[Prompt], str] = kind_of_question,
        user: dict[str, Any] | None = None,
        name: str = "cipher",
    ) -> None:
        if by not in BY:
            raise InputError(f"the user edits by {by!r}; it is one of {', '.join(BY)}")
        if user and by == "rule":
            raise InputError('a user who edits by rule is asked nothing; leave out `user`, or take by = "engine"')
        for place, rule in (rules or {}).items():  # one that would do nothing is refused
            if context is kind_of_question and place not in RULES:
                known = f"the contexts of the text world are {', '.join(RULES)}"
                raise InputError(f"there are rules for the context {place!r}; {known}")
            for each in split_sentences(rule) if by == "rule" else ():
                if not read_rules(each):
                    way_out = "write one such as 'Prefer formal answers.'"
                    raise InputError(f"the rule {each!r} is not one that the text world knows; {way_out}")
        self.name, self.by, self.rules, self.context = name, by, dict(RULES if rules is None else rules), context
        schema = json_schema({"revision": {"type": "string"}})
        self._question = Prompted("cipher_user", kind="answer", extras=("rule",), schema=schema, **parts(name, user))

    def rule(self, prompt: Prompt) -> str:
        """What the user likes in the prompt's context; blank for nothing of their own."""
        return self.rules.get(self.context(prompt), "")

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Revision | Preference | Abstention:
        answers = (item.left, item.right) if isinstance(item, Comparison) else (completion_of(item, self.name),)
        seed = shared_seed(rng) if self.by == "engine" else 0
        try:
            edits = await together(self._edit(each, item, ask, seed) for each in answers)
        except Unread as unread:
            return unread.because
        if not isinstance(item, Comparison):
            return Revision(answers[0], edits[0], self.name)
        left, right = (edit_cost(answer.text, edited) for answer, edited in zip(answers, edits, strict=True))
        return Preference(item, 0.5 + 0.5 * ((left < right) - (left > right)), self.name, strength=float(abs(left - right)))

    async def _edit(self, draft: Completion, item: Item, ask: Ask, seed: int) -> str:
        text, rule = draft.prompt.text, self.rule(draft.prompt)
        if self.by == "engine":
            request = self._question.request(draft, answer_seed(seed, draft), rule=rule or "No taste of their own.")
            return await prose(request, "revision", item, ask, self.name)
        rules = read_rules(rule)
        taste = {name: GOLD.get(name, 0.0) + rules.get(name, 0.0) for name in {*GOLD, *rules}}
        return improve(text, draft.text, lambda answer: value(taste, text, answer), LEAST_GAIN)


def edit_cost(draft: str, edited: str) -> int:
    """Words (and line ends) to insert, delete or exchange to make the one of the other: Levenshtein's distance, >= 0."""
    first, second = (re.findall(r"\S+|\n", text) for text in (draft, edited))
    row = list(range(len(second) + 1))
    for i, word in enumerate(first, 1):
        last, row[0] = row[0], i
        for j, other in enumerate(second, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (word != other))
    return row[-1]


class Memory:
    """Edits (or what each was taken to mean), by context: CIPHER's retrieval.

    k: nearest entries (by cosine) that are recalled. embed: contexts to vectors; the text that is embedded is the prompt's first
    sentence. share: of the k entries, in which a sentence has to stand."""

    def __init__(self, k: int = 5, embed: Embed = tfidf, share: float = 0.4) -> None:
        if k < 1 or not 0 < share <= 1:
            raise InputError(f"k={k} and share={share}: expected at least 1, and a share in (0, 1]")
        self.k, self.embed, self.share = k, embed, share
        self._entries: list[tuple[str, Revision, str]] = []

    def add(self, said: Revision, preference: str) -> None:
        """preference: what the edit was taken to mean."""
        self._entries.append((_context_text(said.completion.prompt), said, preference))

    def recall(self, prompt: Prompt) -> str:
        """The preference for this context; blank where nothing is known."""
        return aggregated([tuple(dict.fromkeys(split_sentences(said))) for _, said in self._nearest(prompt)], self.share)

    def recall_edits(self, prompt: Prompt) -> list[Revision]:
        """The edits themselves, the nearest last."""
        return [said for said, _ in reversed(self._nearest(prompt))]

    def _nearest(self, prompt: Prompt) -> list[tuple[Revision, str]]:
        """Nearest first, the later before the earlier where two are as near."""
        if not self._entries:
            return []
        vectors_ND = self.embed([*(context for context, _, _ in self._entries), _context_text(prompt)])
        vectors_ND = vectors_ND / np.maximum(np.linalg.norm(vectors_ND, axis=1, keepdims=True), 1e-12)
        close_N = vectors_ND[:-1] @ vectors_ND[-1]
        order = np.lexsort((-np.arange(len(close_N)), -close_N.round(9)))
        return [self._entries[place][1:] for place in order[: self.k]]


def aggregated(preferences: Sequence[Sequence[str]], share: float) -> str:
    """The sentences that stand in at least this share of the preferences, most frequent first; of opposites the more frequent."""
    counted = Counter(sentence for each in preferences for sentence in each)
    order = sorted(counted, key=lambda sentence: (-counted[sentence], sentence))
    kept: dict[str, str] = {}
    for sentence in order:
        about = ",".join(sorted(read_rules(sentence))) or sentence
        if counted[sentence] >= share * len(preferences):
            kept.setdefault(about, sentence)
    return " ".join(kept.values())


class Steps:
    """The requests of the learners, each from its template: the draft for a preference, the draft for earlier edits, and the
    preference behind an edit."""

    def __init__(self) -> None:
        text = {"type": "string"}
        self._draft = Prompted("cipher_draft", kind="prompt", extras=("preference",), schema=json_schema({"answer": text}))
        self._examples = Prompted("cipher_examples", kind="prompt", extras=("edits",), schema=json_schema({"answer": text}))
        self._infer = Prompted("cipher_infer", kind="answer", extras=("edited",), schema=json_schema({"preference": text}))

    def draft(self, prompt: Prompt, preference: str) -> Request:
        """Answered with the property `answer`."""
        return self._draft.request(Completion(prompt, ""), preference=preference or "Nothing is known yet.")

    def draft_like(self, prompt: Prompt, examples: Sequence[Revision]) -> Request:
        """Answered with the property `answer`."""
        shown = [text for each in examples for text in (each.completion.prompt.text, each.completion.text, each.text)]
        return self._examples.request(Completion(prompt, ""), edits=shown)

    def infer(self, said: Revision) -> Request:
        """Answered with the property `preference`."""
        return self._infer.request(said.completion, edited=said.text)


def _context_text(prompt: Prompt) -> str:
    return (split_sentences(prompt.text) or [prompt.text])[0]
