"""An evaluator of AlpacaEval (Li et al. 2023, github.com/tatsu-lab/alpaca_eval), from its `configs.yaml` and prompt file. What of
them is read, and where this departs from AlpacaEval: docs/auditing.md."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from ....core.errors import InputError, UnknownName
from ....core.files.reading import read_text, reading
from ....core.protocols import Ask, Rng
from ....core.records import Abstention, Comparison, Item, Message, Preference
from ....core.requests import Reply, Request, Sampling, label_shares
from ...annotator import Traits, pair_of
from ...parsing.objects import without_thinking
from ...prompting.prompted import unread
from ...prompting.template import conversation
from .parsers import Parse, p_first, parser_of

TURN = re.compile(r"<\|im_start\|>\s*(system|user|assistant)[^\n]*\n(.*?)(?:<\|im_end\|>|\Z)", re.DOTALL)
PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")
SHOWN = ("instruction", "output_1", "output_2")
FILLER = ("Is 1 + 1 = 2?", "Yes.", "No.")  # stands in the places of a prompt for several examples that the pair leaves free
ANSWERED = ("pretty_name", "link", "base_dir", "is_shuffle", "completion_key", "fn_completions", "processors_to_kwargs")
"""Fields that change no verdict here: names, places of files, the order of batches, what AlpacaEval's own decoders are called."""
USED = ("prompt_template", "completions_kwargs", "fn_completion_parser", "completion_parser_kwargs", "batch_size")
ONLY_KEEP = ("ChainOfThoughtProcessor", "JsonKeysToColumnProcessor", "PaddingForBatchesProcessor")
"""Processors that keep what was said, or fill up batches: neither moves a verdict."""
OF_ENGINE = (
    "model_name", "logprobs", "top_logprobs", "requires_chatml", "num_procs", "price_per_token", "n_retries", "client_config_path",
)  # fmt: skip
DECODING = (
    "max_tokens", "max_new_tokens", "temperature", "top_p", "stop", "do_sample", "functions", "function_call", "tools",
    "tool_choice",
)  # fmt: skip


class AlpacaEvalConfig:
    """The evaluators of a `configs.yaml`: one, or several of which one is drawn a pair (`persona` says which).

    config: the file. member: only the evaluator of this name. Raises InputError, naming the file, the evaluator and the field, for
    what is not supported: when it is made, not at the first item."""

    traits = Traits(engine=True, symmetric=True)
    most_requests = 1

    def __init__(self, config: str | Path, member: str = "", name: str = "") -> None:
        path = Path(config)
        expected = "AlpacaEval's configs.yaml"
        with reading(path, expected):
            table = yaml.safe_load(read_text(path, expected))
        if not isinstance(table, Mapping) or not table or not all(isinstance(each, Mapping) for each in table.values()):
            raise InputError(f"the configuration {str(path)!r} names no evaluators; it maps each one's name to its fields")
        if member and member not in table:
            raise UnknownName("evaluator", member, map(str, table), f"These stand in {str(path)!r}.")
        self.evaluators = [_evaluator(str(key), table[key], path) for key in ([member] if member else table)]
        self.name = name or (self.evaluators[0].name if len(self.evaluators) == 1 else f"{path.parent.name or path.stem} pool")

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        which, is_turned, seed = (int(each) for each in rng.integers([len(self.evaluators), 2, 2**31]))
        one = self.evaluators[which]
        persona = one.name if len(self.evaluators) > 1 else ""
        if pair.left.text == pair.right.text:
            return Preference(pair, 0.5, self.name, persona)
        turned = one.is_randomized and pair.is_canonical == bool(is_turned)  # drawn for the unordered pair
        shown = pair.swapped() if turned else pair
        request = one.request(shown, seed)
        reply = await ask(request)
        p, why = one.read(reply)
        if p is None:
            return unread(pair, request, reply, why, self.name)
        said = Preference(shown, p, self.name, persona, rationale="" if one.labels else reply.text)
        return Preference(pair, p if shown is pair else 1 - p, self.name, persona, rationale=said.rationale, parts=(said,))


@dataclass(frozen=True, slots=True)
class Evaluator:
    """One evaluator: its prompt's turns, how it is decoded, and how its replies are read.

    labels: the tokens whose probabilities are compared, the one for the first output first; empty where the text is parsed.
    is_binary: the first output wins where its token is the likeliest, as is AlpacaEval's default; otherwise its share is read."""

    name: str
    turns: tuple[Message, ...]
    examples: int
    sampling: Sampling
    parse: Parse | None
    labels: tuple[str, ...]
    is_binary: bool
    is_randomized: bool

    def request(self, shown: Comparison, seed: int = 0) -> Request:
        texts = [(conversation(shown.prompt), shown.left.text, shown.right.text), *[FILLER] * (self.examples - 1)]
        used: Counter[str] = Counter()

        def text(match: re.Match[str]) -> str:
            name = match[1]
            used[name] += 1
            return texts[used[name] - 1][SHOWN.index(name)]

        turns = tuple(Message(turn.role, PLACEHOLDER.sub(text, turn.content)) for turn in self.turns)
        return Request(turns, replace(self.sampling, seed=seed if self.sampling.temperature > 0 else 0))

    def read(self, reply: Reply) -> tuple[float | None, str]:
        """P(the output shown first is better), or None and why it cannot be read. Thoughts are not an answer."""
        if self.parse is not None:
            said = without_thinking(reply.text)
            return None if said is None else p_first(self.parse(said), self.examples), f"{self.name} cannot be read"
        read = label_shares(reply, self.labels)
        if read.why:
            return None, read.why
        first, best = read.shares[self.labels[0]], max(read.shares[each] for each in self.labels[1:])
        return (0.5 + 0.5 * ((first > best) - (first < best)) if self.is_binary else first), ""


def _evaluator(name: str, fields: Mapping[str, Any], path: Path) -> Evaluator:
    where = f"the evaluator {name!r} of {str(path)!r}"
    known = (*USED, *ANSWERED, "is_randomize_output_order")
    for field in (each for each in fields if each not in known):
        raise InputError(f"{where} has the field {field!r}, which is not supported; supported: {', '.join(known)}")
    asked = fields.get("fn_completions")
    if not isinstance(asked, str):
        raise InputError(f"{where} asks no language model (fn_completions: {asked!r}); write it as a function")
    for processor in (each for each in fields.get("processors_to_kwargs") or {} if each not in ONLY_KEEP):
        raise InputError(f"{where} has the processor {processor!r}; supported: {', '.join(ONLY_KEEP)}")
    examples = fields.get("batch_size", 1)
    if isinstance(examples, bool) or not isinstance(examples, int) or examples < 1:
        raise InputError(f"{where} has the batch_size {examples!r}; it is a whole number, 1 or more")
    parser, options = fields.get("fn_completion_parser", "regex_parser"), fields.get("completion_parser_kwargs") or {}
    labels, is_binary = _labels(options, where) if parser == "logprob_parser" else ((), False)
    if labels and examples > 1:
        raise InputError(f"{where} compares log-probabilities of {examples} examples a prompt; only a batch_size of 1 has those")
    turns = _turns(fields.get("prompt_template"), examples, path, where)
    sampling = _sampling(fields.get("completions_kwargs") or {}, labels, where)
    parse = None if labels else parser_of(str(parser), options, where)
    is_randomized = bool(fields.get("is_randomize_output_order", True))
    return Evaluator(name, turns, examples, sampling, parse, labels, is_binary, is_randomized)


def _labels(options: Mapping[str, Any], where: str) -> tuple[tuple[str, ...], bool]:
    known = ("numerator_token", "denominator_tokens", "is_binarize")
    first, others = options.get("numerator_token"), options.get("denominator_tokens")
    if set(options) - set(known):
        raise InputError(f"{where} gives logprob_parser {sorted(set(options) - set(known))}; it has: {', '.join(known)}")
    if not isinstance(first, str) or not isinstance(others, list) or first not in others or len(set(others)) < 2:
        raise InputError(f"{where} compares the token {first!r} with {others!r}; give numerator_token, and a list that it is in")
    return (first, *(each for each in dict.fromkeys(map(str, others)) if each != first)), bool(options.get("is_binarize", True))


def _sampling(options: Mapping[str, Any], labels: tuple[str, ...], where: str) -> Sampling:
    known = (*OF_ENGINE, *DECODING)
    for option in (each for each in options if each not in known):
        raise InputError(f"{where} decodes with {option!r}, which is not supported; supported: {', '.join(known)}")
    length = options.get("max_tokens", options.get("max_new_tokens"))
    heat = 0.0 if options.get("do_sample") is False else options.get("temperature")
    if not isinstance(length, int) or not isinstance(heat, int | float) or isinstance(heat, bool):
        raise InputError(f"{where} has max_tokens {length!r} and temperature {heat!r}; give both numbers in completions_kwargs")
    functions = options.get("functions") or [each.get("function", {}) for each in options.get("tools") or []]
    if functions and (len(functions) != 1 or not isinstance(functions[0].get("parameters"), Mapping)):
        raise InputError(f"{where} offers {len(functions)} functions; one with parameters is supported")
    # The parameters of the one function that the model is to call are the schema of its answer.
    schema = json.dumps(functions[0]["parameters"], ensure_ascii=False) if functions else ""
    stop = options.get("stop") or ()
    stops = (stop,) if isinstance(stop, str) else tuple(map(str, stop))
    try:
        return Sampling(length, float(heat), float(options.get("top_p", 1.0)), stop=stops, labels=labels, schema=schema)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def _turns(template: Any, examples: int, path: Path, where: str) -> tuple[Message, ...]:
    """The prompt's turns, with placeholders in them. The file is looked for beside the configuration, and in the folder above."""
    if not isinstance(template, str):
        raise InputError(f"{where} has the prompt_template {template!r}; it is the path of one prompt file")
    places = [folder / template for folder in (path.parent, path.parent.resolve().parent)]
    found = next((each for each in (*places, path.parent / Path(template).name) if each.is_file()), None)
    if found is None:
        raise InputError(f"{where} has the prompt_template {template!r}; there is no such file beside it or in the folder above")
    text = read_text(found, "a prompt file of AlpacaEval")
    turns = tuple(Message(role, content.strip()) for role, content in TURN.findall(text)) or (Message("user", text.strip()),)
    counts = Counter(name for turn in turns for name in PLACEHOLDER.findall(turn.content))
    for name in (each for each in counts if each not in SHOWN):
        raise InputError(f"{where} has the placeholder {{{name}}} in {str(found)!r}; there are: {', '.join(SHOWN)}")
    if any(counts[name] != examples for name in SHOWN):
        shown = ", ".join(f"{{{name}}} {counts[name]} times" for name in SHOWN)
        raise InputError(f"{where} has a batch_size of {examples}, and its prompt shows {shown}; each is shown once an example")
    return turns
