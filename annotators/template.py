"""Jinja templates for pairs, in parts: checked when they are loaded, sandboxed, and closed to what the answers say.

Answers are data. They are never rendered as a template, and `fence` is a run of `=` longer than any in the instruction and
the answers (as a Markdown code block is fenced), so no answer can close its own fence and speak for the judge.
"""

from __future__ import annotations

import re

from jinja2 import StrictUndefined, Template, TemplateError, meta, nodes
from jinja2.sandbox import SandboxedEnvironment

from ..core.errors import InputError
from ..core.records import Comparison, Prompt

PAIR_VARIABLES = ("prompt", "left", "right", "fence")
SHORTEST_FENCE = 5

# No escaping for HTML: the text goes to a language model as it is.
_ENVIRONMENT = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
_ENVIRONMENT.globals.clear()  # a template uses the variables it is given, and Jinja's filters


class PairTemplate:
    """The text of one request about a pair: `shared` first (the same for all pairs), then `pair`.

    `shared` uses no variables. `pair` may use `prompt`, `left`, `right` and `fence`, and must show both answers. Raises
    InputError, naming the part and the variable, for anything else: when it is made, not at the first item.
    """

    def __init__(self, shared: str, pair: str, name: str) -> None:
        self._name = name
        self.shared = self._compiled("shared", shared, available=(), wanted=()).render().strip()
        self._pair = self._compiled("pair", pair, available=PAIR_VARIABLES, wanted=("left", "right"))
        self._pieces = _plain_pieces(pair)
        self._rendered(dict.fromkeys(PAIR_VARIABLES, "x"))  # finds what only shows at work, such as {{ left.text }}

    def render(self, pair: Comparison) -> str:
        prompt = conversation(pair.prompt)
        left, right = pair.left.text, pair.right.text
        longest = max((len(run) for text in (prompt, left, right) if "=====" in text for run in re.findall("=+", text)), default=0)
        fence = "=" * max(SHORTEST_FENCE, longest + 1)
        return f"{self.shared}\n\n{self._rendered({'prompt': prompt, 'left': left, 'right': right, 'fence': fence})}".strip()

    def _rendered(self, values: dict[str, str]) -> str:
        if self._pieces is not None:
            return "".join([values[text] if is_variable else text for text, is_variable in self._pieces]).strip()
        try:
            return self._pair.render(values).strip()
        except TemplateError as error:
            raise InputError(f"the part `pair` of the template of {self._name!r} fails: {error}; mend it") from error

    def _compiled(self, part: str, text: str, available: tuple[str, ...], wanted: tuple[str, ...]) -> Template:
        where = f"the part `{part}` of the template of {self._name!r}"
        if not isinstance(text, str):
            raise InputError(f"{where} is {text!r}; it is text")
        try:
            used = meta.find_undeclared_variables(_ENVIRONMENT.parse(text))
            compiled = _ENVIRONMENT.from_string(text)
        except TemplateError as error:
            raise InputError(f"{where} is no valid Jinja: {error}") from error
        for variable in sorted(used - set(available)):
            raise InputError(f"{where} uses the variable {variable!r}; available there: {', '.join(available) or 'none'}")
        for variable in wanted:
            if variable not in used:
                raise InputError(f"{where} never shows {{{{ {variable} }}}}; a judge of pairs shows both answers")
        return compiled


def _plain_pieces(text: str) -> list[tuple[str, bool]] | None:
    """The texts and variables (True) of a template that has nothing else, which needs no engine to be put together, several
    times as fast; None for any other template."""
    pieces: list[tuple[str, bool]] = []
    for output in _ENVIRONMENT.parse(text).body:
        if not isinstance(output, nodes.Output):
            return None
        for node in output.nodes:
            if isinstance(node, nodes.TemplateData):
                pieces.append((node.data, False))
            elif isinstance(node, nodes.Name):
                pieces.append((node.name, True))
            else:
                return None
    return pieces


def conversation(prompt: Prompt) -> str:
    """The prompt's text, after its history where it has one."""
    if not prompt.history:
        return prompt.text
    turns = [f"{turn.role}: {turn.content}" for turn in prompt.history]
    return "\n\n".join([*turns, f"user: {prompt.text}"])
