"""Makes an annotator of whatever names one: a registered name, a TOML, AlpacaEval's configs.yaml, `module:name`, `file.py:name`, a
class or a function, as `def shorter(comparison): return len(comparison.left.text) < len(comparison.right.text)`."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import InputError, explained
from ..core.files.reading import exists, read_toml
from ..core.protocols import Annotator, Ask, Rng, World
from ..core.records import Abstention, Comparison, Feedback, Item, Preference
from ..core.registry import check_types, parameters_of
from ..core.text import one_line
from .table import ANNOTATORS

GIVEN = ("ask", "rng", "world")  # parameters that a function is handed if it names them


class FunctionAnnotator:
    """Calls `function(item)`, plain or async, and reads what it returns: True for left, False for right, a number in [0, 1]
    for the probability of left, or a finished record (Preference, another kind of feedback, Abstention).

    The function may name `ask` and `rng` (see `core.protocols.Annotator`) and `world`; `options` fill its other parameters."""

    def __init__(self, function: Callable[..., Any], name: str = "", options: Mapping[str, Any] | None = None) -> None:
        self.name = name or getattr(function, "__name__", type(function).__name__)
        self._function = function
        self.traits = getattr(function, "traits", None)
        self._options = dict(options or {})
        parameters = list(parameters_of(function, f"the annotator function {self.name!r}").values())
        if not parameters:
            raise InputError(f"the annotator function {self.name!r} takes nothing; its first parameter is the comparison")
        names = [each.name for each in parameters[1:]]
        self._given = [each for each in ("ask", "rng") if each in names]
        for option in (each for each in self._options if each not in names):
            known = ", ".join(each for each in names if each not in GIVEN) or "none"
            raise InputError(f"the annotator function {self.name!r} has no option {option!r}; its options: {known}")
        for each in parameters[1:]:
            filled = each.name in self._given or each.name in self._options or each.default is not each.empty
            if not filled and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL):
                way_out = "give it a default, or set it in a TOML (`ask`, `rng` and `world` are given)"
                raise InputError(f"the annotator function {self.name!r} needs {each.name!r}, which nothing gives: {way_out}")

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Feedback | Abstention:
        given = {"ask": ask, "rng": rng}
        said = self._function(item, **{name: given[name] for name in self._given}, **self._options)
        if inspect.isawaitable(said):
            said = await said
        if isinstance(said, bool | int | float | np.bool_ | np.number) and isinstance(item, Comparison):
            return Preference(item, float(said), self.name)
        if isinstance(said, Feedback | Abstention):
            return said
        expected = "return True (left), False (right), P(left) in [0, 1], a Preference or an Abstention"
        raise TypeError(f"it returned {said!r}; {expected}")


NESTED = ("inner", "members")  # options whose values name annotators, unless the signature says that they are text
EXAMPLES = {"inner": 'inner = "judge"', "members": 'members = ["judge", "longest"]', "config": 'config = "configs.yaml"'}
"""How an option that is missing may be given."""
OUTSIDE = ("world", "items")
"""What is not an annotator's own option but of the work: given beside the annotator, never in its table or by --set."""
ITEMS = "items"  # `among = "items"` stands for the items of the work, where these are known
LONGEST_PATH = 200  # characters; a longer option is text


class _Given(NamedTuple):
    """What all annotators of one making share."""

    world: World | None
    items: Iterable[Item] | None
    folder: Path  # of the TOML that is read; blank outside of one

    def required_world(self, name: str) -> World:
        if self.world is None:
            why = "knows a world's true utilities and no world was given"
            raise InputError(f"the annotator {name!r} {why}; name one, as in --world text")
        return self.world

    def seen(self, value: Any, is_path: bool) -> Any:
        """A file or folder that a TOML names is seen from that TOML, unless there is one of this name here. is_path: the option
        says that it is one; any other value has to look like one (`rules.txt`, `runs/dpo`), for a plain word may mean itself."""
        if not isinstance(value, str) or not 0 < len(value) < LONGEST_PATH or not value.isprintable():
            return value
        if not is_path and not Path(value).suffix and len(Path(value).parts) < 2:
            return value
        return str(self.folder / value) if not exists(value) and exists(self.folder / value) else value


def make_annotator(spec: Any, /, *, world: World | None = None, items: Iterable[Item] | None = None, **options: Any) -> Annotator:
    """The annotator that `spec` names: a name of the table or of a plugin, a path to a TOML or to AlpacaEval's configs.yaml,
    `module:name`, `path/to/file.py:name`; or an annotator, a class that makes one, or a plain function of a comparison.

    world: handed to annotators that take one. items: of the work, for annotators that cut a budget or batches out beforehand and
    have the option among = "items". options: the annotator's own; `inner` and `members` may name annotators in turn.
    Raises UnknownName for an unknown name, InputError for a missing world and for options that are missing or unknown."""
    try:
        return _made(spec, options, _Given(world, items, Path()))
    except RecursionError as error:
        raise InputError(f"the annotator {str(spec)!r} is made of itself without end; look at the TOMLs that it names") from error


def check_settings(spec: Any, options: Iterable[str]) -> None:
    """Raises InputError where what is of the work is given as an option of the annotator."""
    for each in (each for each in OUTSIDE if each in options):
        way_out = "a world is named by --world, items by --pairs"
        raise InputError(f"{each!r} is not an option of the annotator {str(spec)!r}; {way_out}")


def _made(spec: Any, options: Mapping[str, Any], given: _Given) -> Annotator:
    folder = given.folder
    check_settings(spec, options)
    if isinstance(spec, str | Path) and str(spec).endswith((".yaml", ".yml")):
        return _made("alpaca-eval-config", {**options, "config": folder / spec}, given._replace(folder=Path()))
    if isinstance(spec, Path) or (isinstance(spec, str) and spec.endswith(".toml")):
        path = folder / spec
        table = read_toml(path, 'an annotator file: a TOML with a `kind`, for instance kind = "judge"')
        kind = table.pop("kind", None)
        if not isinstance(kind, str):
            raise InputError(f'the annotator file {str(path)!r} has no `kind`; name an annotator, for instance kind = "judge"')
        try:
            return _made(kind, {**table, **options}, given._replace(folder=path.parent))
        except InputError as error:
            raise InputError(f"in {str(path)!r}: {error}") from error
    if isinstance(spec, str):
        if spec.partition(":")[0].endswith(".py"):
            spec = str(folder / spec)
        return _from_object(ANNOTATORS.load(spec), spec, options, given)
    return _from_object(spec, getattr(spec, "name", getattr(spec, "__name__", repr(spec))), options, given)


def _from_object(found: Any, name: str, options: Mapping[str, Any], given: _Given) -> Annotator:
    if isinstance(found, ModuleType):
        raise InputError(f"{name!r} is a module; say which annotator in it, as in {name}:name")
    if isinstance(found, type):
        arguments = _arguments(found, name, options, given)
        with explained(f"the annotator {name!r}"):
            made = found(**arguments)
    elif callable(getattr(found, "annotate", None)):
        if options:
            raise InputError(f"the annotator {name!r} is made already and takes no options, and was given: {', '.join(options)}")
        made = found
    elif callable(found):
        takes_world = "world" in parameters_of(found, f"the annotator {name!r}")
        own = {"world": given.required_world(name)} if takes_world else {}
        own |= {key: value for key, value in options.items() if key != "name"}
        made = FunctionAnnotator(found, str(options.get("name", "")), own)
    else:
        raise InputError(f"{name!r} is a {type(found).__name__}; an annotator is a function, a class or an object with `annotate`")
    with explained(f"the annotator {name!r}"):
        fits = isinstance(made, Annotator) and isinstance(made.name, str) and inspect.iscoroutinefunction(made.annotate)
    if not fits:
        expected = "it has a `name` (text) and `async def annotate(self, item, ask, rng)`"
        raise InputError(f"{name!r} makes a {type(made).__name__}, which is not an annotator: {expected}")
    return made


def _arguments(maker: type, name: str, options: Mapping[str, Any], given: _Given) -> dict[str, Any]:
    """Options for a class, with the world where it takes one and nested annotators made."""
    parameters = parameters_of(maker, f"the annotator {name!r}")
    nested = [key for key in NESTED if key not in parameters or "[str]" not in str(parameters[key].annotation)]
    paths = [key for key, each in parameters.items() if "Path" in str(each.annotation)]
    arguments = {
        key: _nested(each, key, name, given) if key in nested else given.seen(each, key in paths) for key, each in options.items()
    }
    if arguments.get("among") == ITEMS and "among" in parameters:
        if given.items is None:
            wanted = f"is to know the items of the work (among = {ITEMS!r})"
            raise InputError(f"the annotator {name!r} {wanted}, and none are given here")
        arguments["among"] = list(given.items)
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    for key in (each for each in arguments if each not in parameters and not takes_any):
        known = ", ".join(each for each in parameters if each != "world") or "none"
        raise InputError(f"the annotator {name!r} has no option {key!r}; its options: {known}")
    check_types(maker, {key: value for key, value in arguments.items() if key not in nested}, f"the annotator {name!r}")
    if "world" in parameters:
        needs_it = parameters["world"].default is inspect.Parameter.empty
        arguments["world"] = given.required_world(name) if needs_it else given.world
    for key, each in parameters.items():
        if each.default is each.empty and key not in arguments and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL):
            example = f'kind = "{name}" and {EXAMPLES.get(key, f"{key} = ...")}'
            raise InputError(f"the annotator {name!r} needs the option {key!r}; give it with --set, or in a TOML with {example}")
    return arguments


def _nested(value: Any, key: str, outer: str, given: _Given) -> Any:
    """An annotator, or a list of them: each a name, a table with `use`, or an annotator already."""
    if key == "members":
        if not isinstance(value, list | tuple):
            raise InputError(f"the `members` of {outer!r} are {one_line(value)}; they are a list of annotators")
        return [_nested(each, "member", outer, given) for each in value]
    if isinstance(value, Mapping):
        use = value.get("use")
        if not isinstance(use, str):
            raise InputError(f'the `{key}` of {outer!r} is {one_line(value)}; it names an annotator, as in use = "judge"')
        return _made(use, {name: each for name, each in value.items() if name != "use"}, given)
    return _made(value, {}, given)
