"""A policy's prompts and answers as token ids: prompts as engines write them (see `core.language_models.prompts`), but for a
tokenizer without a chat template, whose turns are plain text with a blank line after each."""

from functools import cached_property
from typing import Any

from ..core.errors import InputError
from ..core.language_models.prompts import ChatEncoder, bare
from ..core.records import Completion, Message, Prompt

FILLER = 0
"""The id that fills up a batch, whose places are masked or come after all that is read. The tokenizer's own padding may be a token
that the model does not know: transformers gives every Qwen tokenizer one."""


def control_text(code: int) -> str:
    """What stands before a prompt under a control code. A tokenizer may hold it as one reserved token."""
    return f"<|control_{code}|>"


class PromptEncoder:
    """A tokenizer and a memory of the prompts it has met. Shared by all copies and views of a policy.

    config: what says, as `eos_token_id`, where its model stops besides: a generation config, or the model's own."""

    def __init__(self, tokenizer: Any, config: Any = None) -> None:
        if tokenizer.eos_token_id is None:
            what = f"the tokenizer of {tokenizer.name_or_path!r} has no end-of-sequence token"
            raise InputError(f"{what}; set tokenizer.eos_token, since an answer must be able to end")
        self.tokenizer = tokenizer
        self.chat = ChatEncoder(tokenizer, plain=bare)
        self.pad = FILLER
        stops = getattr(config, "eos_token_id", None)
        self._stops = {tokenizer.eos_token_id, *(stops if isinstance(stops, list) else [stops])} - {None}
        self._prompts: dict[tuple[Any, ...], tuple[int, ...]] = {}

    def prompt(self, prompt: Prompt, control: int | None) -> tuple[int, ...]:
        """The ids that an answer continues."""
        key = (prompt.text, prompt.history, control)
        if key not in self._prompts:
            turns = [*prompt.history, Message("user", prompt.text)]
            prefix = "" if control is None else control_text(control)
            self._prompts[key] = tuple(self.chat.encode([self.chat.render(turns, at_once=True, prefix=prefix)])[0])
        return self._prompts[key]

    def answer(self, completion: Completion) -> tuple[int, ...]:
        """The ids that were sampled, or else those of the text and of what a sample of it would end by."""
        if completion.tokens:
            return completion.tokens
        return (*self.tokenizer(self.chat.inert(completion.text), add_special_tokens=False)["input_ids"], *self.closing)

    @cached_property
    def closing(self) -> tuple[int, ...]:
        """The ids that close a given answer: the template's end of turn, as far as a sampled answer goes on in it."""
        ids = self.chat.end_of_turn
        last = next((place for place, token in enumerate(ids) if token in self._stops), len(ids) - 1)
        return ids[: last + 1]

    @property
    def ends(self) -> frozenset[int]:
        """The ids at which sampling ends."""
        return frozenset([*self._stops, self.closing[-1]])

    def text(self, tokens: list[int]) -> str:
        is_ended = bool(tokens) and tokens[-1] in self.ends  # by a mark that need not be a special token
        return self.tokenizer.decode(tokens[:-1] if is_ended else tokens, skip_special_tokens=True)

    def check_control(self, code: int) -> None:
        """Raises InputError where this tokenizer cannot write the control code."""
        ids = self.tokenizer(control_text(code), add_special_tokens=False)["input_ids"]
        if not ids or self.tokenizer.unk_token_id in ids:
            raise InputError(
                f"the tokenizer of {self.tokenizer.name_or_path!r} cannot write {control_text(code)!r}; add it as a special token "
                "(tokenizer.add_special_tokens, model.resize_token_embeddings) or train without control codes"
            )
