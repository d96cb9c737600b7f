"""Jinja templates for questions, in parts: checked when they are loaded, sandboxed, and closed to what the answers say.

Answers are data. They are never rendered as a template, and `fence` is a run of `=` longer than any in what is shown (as a
Markdown code block is fenced), so no answer can close its own fence and speak for the judge."""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2 import Template as Compiled
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError

from ...core.errors import InputError
from ...core.files.reading import cause
from ...core.records import Item, Prompt
from ..annotator import completion_of, pair_of, slate_of

Kind = Literal["pair", "answer", "slate", "prompt"]
VARIABLES: dict[Kind, tuple[str, ...]] = {
    "pair": ("prompt", "left", "right"),
    "answer": ("prompt", "answer"),
    "slate": ("prompt", "answers"),
    "prompt": ("prompt",),
}
"""What each kind of item shows; all but the prompt must be shown. `prompt` takes any item, and shows no answer."""
SHORTEST_FENCE = 5

LONGEST = 1_000_000
"""Of the number that an expression may give, and of the items of a list or characters of a text that one is made of."""
MOST_ITEMS, NESTED_LOOPS = 1000, 2
LONGEST_QUESTION = 50_000_000  # characters
FILTERS = (
    "abs", "capitalize", "count", "d", "default", "first", "float", "int", "last", "length", "list", "lower", "max", "min", "round",
    "reverse", "sort", "string", "striptags", "title", "trim", "truncate", "unique", "upper", "wordcount",
)  # fmt: skip
METHODS = ("count", "endswith", "find", "lower", "lstrip", "rstrip", "split", "splitlines", "startswith", "strip", "title", "upper")
"""What a template may use of Jinja's filters and of a text's methods, `join` beside these: what gives no more than it is given."""
UNBOUNDED = (nodes.Macro, nodes.CallBlock, nodes.Concat, nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


class _Bounded(ImmutableSandboxedEnvironment):
    """Whatever a template says ends, soon and in little memory: loops run over lists, two deep; what is computed has a bound."""

    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        sizes = [abs(each) if isinstance(each, int | float) else len(each) for each in (left, right)]
        result = {"+": sum(sizes), "*": sizes[0] * sizes[1], "%": 0, "**": LONGEST * (sizes[1] > 6 or sizes[0] > 10)}[operator]
        if result >= LONGEST or (operator == "%" and isinstance(left, str)):
            raise SecurityError(f"the result of `{operator}` has no bound")
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return attr in METHODS if isinstance(obj, str) else isinstance(obj, LoopContext)

    def wrap_str_format(self, value: Any) -> None:
        """No text is formatted: a width has no bound."""

    def bounded(self, text: str) -> nodes.Template:
        """The parsed template, its loops held to lists. Raises TemplateSyntaxError for what has no bound."""
        tree = self.parse(text)
        for node in tree.find_all((*UNBOUNDED, nodes.For)):
            is_deep = isinstance(node, nodes.For) and (node.recursive or _depth(node) > NESTED_LOOPS)
            if is_deep or not isinstance(node, nodes.For):
                raise TemplateSyntaxError(f"{type(node).__name__} has no bound; use variables, if and for", node.lineno)
        for node in list(tree.find_all(nodes.For)):
            node.iter = nodes.Filter(node.iter, "_items", [], [], None, None, lineno=node.lineno)
        return tree


def _depth(loop: nodes.For) -> int:
    return 1 + max((_depth(each) for each in loop.find_all(nodes.For)), default=0)


def _items(values: Any) -> Any:
    if not isinstance(values, list | tuple | str) or len(values) > MOST_ITEMS:
        raise SecurityError(f"a loop, or `join`, runs over at most {MOST_ITEMS:,} items of a list")
    return values


# No escaping for HTML: the text goes to a language model as it is.
_ENVIRONMENT = _Bounded(undefined=StrictUndefined, autoescape=False)
_ENVIRONMENT.globals.clear()  # a template uses the variables it is given, and Jinja's filters
_ENVIRONMENT.filters = {name: _ENVIRONMENT.filters[name] for name in FILTERS} | {"_items": _items}
_ENVIRONMENT.filters["join"] = lambda values, by="": by[:MOST_ITEMS].join(map(str, _items(values)))


class Template:
    """The text of one request about one item: `shared` (the same for all items), then `item`, then `last` (who judges).

    An engine with prefix caching reads `shared` once, and the item once for all who judge it. `shared` uses no variables.
    `item` may use the variables of its `kind` (see `VARIABLES`), `fence` and the `extras`, and must show the answers; `last`
    may use the same and need show nothing. Raises InputError, naming the part and the variable, for anything else: when it is
    made, not at the first item."""

    def __deepcopy__(self, memo: object) -> Template:
        return self  # nothing in it changes, and what jinja has compiled cannot be copied

    def __init__(self, name: str, shared: str, item: str, last: str = "", kind: Kind = "pair", extras: Sequence[str] = ()) -> None:
        self._name, self._kind, self._extras = name, kind, tuple(extras)
        wanted = VARIABLES[kind][1:]
        known = (*VARIABLES[kind], *extras, "fence")
        self.shared = self._compiled("shared", shared, (), ()).render().strip()
        parts = [each for each in ((kind, item, wanted), ("persona", last, ())) if each[1] or each[2]]
        self._parts = [(part, self._compiled(part, text, known, shown)) for part, text, shown in parts]
        sample = {name: ["x"] if name == "answers" else "x" for name in known}
        self._rendered(sample)  # finds what only shows at work, such as {{ left.text }}
        self._pieces = _plain_pieces(self.shared, [text for _, text, _ in parts])

    def render(self, item: Item, **extras: str | Sequence[str]) -> str:
        """The question about `item`. Raises InputError for another kind of item, TypeError for other extras than declared."""
        if set(extras) != set(self._extras):
            raise TypeError(f"the template of {self._name!r} takes {self._extras} and was given {tuple(extras)}")
        values: dict[str, Any] = self._shown(item) | extras
        longest = 0
        for value in values.values():
            for text in (value,) if isinstance(value, str) else value:
                if "=====" in text:  # no shorter run matters, and this is quick to see
                    longest = max(longest, *map(len, re.findall("=+", text)))
        values["fence"] = "=" * max(SHORTEST_FENCE, longest + 1)
        if self._pieces is not None:
            return "".join([values[text] if is_variable else text for text, is_variable in self._pieces])
        return "\n\n".join(part for part in (self.shared, *self._rendered(values)) if part)

    def _shown(self, item: Item) -> dict[str, Any]:
        shown: dict[str, Any] = {"prompt": conversation(item.prompt)}
        if self._kind == "pair":
            pair = pair_of(item, self._name)
            shown |= {"left": pair.left.text, "right": pair.right.text}
        elif self._kind == "answer":
            shown["answer"] = completion_of(item, self._name).text
        elif self._kind == "slate":
            shown["answers"] = [each.text for each in slate_of(item, self._name).completions]
        return shown

    def _rendered(self, values: Mapping[str, Any]) -> list[str]:
        done = []
        for part, compiled in self._parts:
            try:
                done.append(_rendered(compiled, values))
            except Exception as error:  # whatever a filter or an operator raises
                why = f"the part `{part}` of the template of {self._name!r} fails: {_cause(error)}; correct it"
                raise InputError(why) from error
        return done

    def _compiled(self, part: str, text: str, available: tuple[str, ...], wanted: tuple[str, ...]) -> Compiled:
        where = f"the part `{part}` of the template of {self._name!r}"
        if not isinstance(text, str):
            raise InputError(f"{where} is {text!r}; it is text")
        try:
            used = meta.find_undeclared_variables(_ENVIRONMENT.bounded(text))
            compiled = _ENVIRONMENT.from_string(_ENVIRONMENT.bounded(text))
        except Exception as error:  # whatever a filter or an operator raises, on constants
            raise InputError(f"{where} is not valid Jinja: {_cause(error)}") from error
        for variable in sorted(used - set(available)):
            raise InputError(f"{where} uses the variable {variable!r}; available there: {', '.join(available) or 'none'}")
        for variable in (each for each in wanted if each not in used):
            raise InputError(f"{where} never shows {{{{ {variable} }}}}; who judges answers is shown them")
        return compiled


def _rendered(compiled: Compiled, values: Mapping[str, Any]) -> str:
    pieces, left = [], LONGEST_QUESTION
    for piece in compiled.generate(values):
        pieces.append(piece)
        left -= len(piece)
        if left < 0:
            raise SecurityError(f"the question has more than {LONGEST_QUESTION:,} characters")
    return "".join(pieces).strip()


def _cause(error: Exception) -> str:
    """What went wrong, and in which line of the template."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
    line = getattr(error, "lineno", None) or (frames[-1].lineno if frames else None)
    words = str(error.message) if isinstance(error, TemplateError) else cause(error)
    return f"{words}{f' (line {line})' if line else ''}"


def _plain_pieces(shared: str, parts: Sequence[str]) -> list[tuple[str, bool]] | None:
    """The texts and variables (True) of a question whose parts have nothing else, which need no engine to be put together, several
    times as fast. Each part must begin and end with the fence or a text, for what is stripped is then known beforehand. None for
    any other."""
    pieces = [(shared, False)] if shared else []
    for part in parts:
        found: list[tuple[str, bool]] = []
        for output in _ENVIRONMENT.parse(part.strip()).body:
            if not isinstance(output, nodes.Output):
                return None
            for node in output.nodes:
                if isinstance(node, nodes.TemplateData):
                    found.append((node.data, False))
                elif isinstance(node, nodes.Name) and node.name != "answers":
                    found.append((node.name, True))
                else:
                    return None
        if not found:
            continue
        (first, begins_varied), (last, ends_varied) = found[0], found[-1]
        if first != ("fence" if begins_varied else first.lstrip()) or last != ("fence" if ends_varied else last.rstrip()):
            return None
        pieces += [("\n\n", False), *found] if pieces else found
    return pieces


def conversation(prompt: Prompt) -> str:
    """The prompt's text, after its history where it has one."""
    if not prompt.history:
        return prompt.text
    turns = [f"{turn.role}: {turn.content}" for turn in prompt.history]
    return "\n\n".join([*turns, f"user: {prompt.text}"])
