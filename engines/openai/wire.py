"""A request as the JSON of OpenAI's chat API, and a reply out of the JSON that comes back; nothing here touches a network.

A server is of one of two kinds. `openai` is the common ground of hosted APIs: structured answers by `response_format`.
`vllm` is vLLM's own server, which also knows its `structured_outputs`, an open last turn and `/tokenize`."""

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ...core.errors import EngineError
from ...core.language_models.prompts import TURNS, broken_up
from ...core.ledger import answer_room, most_tokens
from ...core.records import Usage
from ...core.requests import MOST_TOKENS, Reply, Request
from ...core.seeds import seed_for
from ..chat import check_model, draw_keys, with_bounds
from .redaction import SHOWN

TOP = 20  # alternatives a position: the most that hosted APIs give
CHOICE = "choice"  # the property that holds a choice
ROUNDING = 1e-3  # a log-probability over this is no rounding error


def chat_body(request: Request, model: str, server: str, limit_field: str) -> dict[str, Any]:
    """The body of a chat call. Raises EngineError for what no such server is asked."""
    sampling = request.sampling
    _check(request, server)
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": turn.role, "content": broken_up(turn.content, TURNS)} for turn in request.messages],
        limit_field: answer_room(request),
        "temperature": sampling.temperature,
    }
    if sampling.top_p < 1:
        body["top_p"] = sampling.top_p
    if sampling.temperature > 0:
        body["seed"] = seed_for(sampling.seed, *draw_keys(request))
    if sampling.stop and not sampling.choices:
        body["stop"] = list(sampling.stop)
    if sampling.labels:
        body |= {"logprobs": True, "top_logprobs": TOP}
    if request.messages[-1].role == "assistant":
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    return body | _structure(request, server)


def _check(request: Request, server: str) -> None:
    sampling = request.sampling
    check_model(request)
    if not request.messages:
        raise EngineError("the request has no messages; a model answers at least one")
    if request.messages[-1].role == "assistant" and server != "vllm":
        raise EngineError("hosted APIs do not carry on an assistant's open turn; end on the user's, or give server='vllm' for vLLM")
    if (sampling.choices or sampling.schema) and sampling.labels:
        raise EngineError("labels and a structured answer cannot be had in one call of a batch; ask two requests")
    if "" in sampling.choices or "" in sampling.labels:
        raise EngineError("a choice or a label is empty; it is at least one token")
    bare = [label.strip() for label in sampling.labels]
    if len(set(bare)) < len(set(sampling.labels)):
        raise EngineError(f"the labels {list(sampling.labels)} differ by spaces alone, and a server's tokens are read without them")


def _structure(request: Request, server: str) -> dict[str, Any]:
    """The fields that hold the answer to `choices` or `schema`."""
    sampling = request.sampling
    if sampling.choices and server == "vllm":
        return {"structured_outputs": {"choice": list(sampling.choices)}}
    if not (sampling.choices or sampling.schema):
        return {}
    if sampling.choices:
        one = {"type": "string", "enum": list(dict.fromkeys(sampling.choices))}
        schema = {"type": "object", "properties": {CHOICE: one}, "required": [CHOICE], "additionalProperties": False}
    else:
        try:
            schema = json.loads(sampling.schema)
        except ValueError as error:
            raise EngineError(f"the schema is not JSON ({error}): {sampling.schema[:SHOWN]!r}") from error
    if server == "vllm":
        return {"structured_outputs": {"json": schema}}
    form = {"name": "answer", "schema": schema, "strict": _is_strict(schema)}
    return {"response_format": {"type": "json_schema", "json_schema": form}}


def _is_strict(schema: Any) -> bool:
    """Whether hosted APIs can enforce a schema to the letter: every object names all its properties, and requires them."""
    if isinstance(schema, list):
        return all(map(_is_strict, schema))
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, dict):
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(properties or ()):
            return False
        return all(_is_strict(each) for each in (properties or {}).values())
    return all(map(_is_strict, schema.values()))


def chat_reply(raw: str, request: Request, server: str) -> Reply:
    """The reply in an answered (200) call. Raises EngineError, with what it cost, for one that is of no use."""
    found = parsed(raw, request)
    usage = _usage(found, request)
    choices = found.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        count = len(choices) if isinstance(choices, list) else "no list of"
        raise useless(f"it has {count} answers, and one was asked for", usage)
    choice = choices[0]
    message, finish = choice.get("message"), choice.get("finish_reason") or "stop"
    if finish in ("content_filter", "error", "abort"):
        raise useless(f"it was cut off (finish reason {finish!r})", usage)
    if not isinstance(message, dict):
        raise useless("it has no message", usage)
    if message.get("refusal"):
        raise useless(f"the model refused: {str(message['refusal'])[:SHOWN]!r}", usage)
    text = message.get("content")
    text = text if isinstance(text, str) else ""
    logprobs = label_logprobs(choice.get("logprobs"), request.sampling.labels)
    if not text and not logprobs:
        raise useless(f"the answer is empty (finish reason {finish!r}); one that thinks first may need a larger max_tokens", usage)
    if request.sampling.choices:
        said: Any = text
        if server != "vllm":
            with suppress(ValueError, TypeError, KeyError):
                said = json.loads(text)[CHOICE]
        if said not in request.sampling.choices:
            raise useless(f"it said {text[:SHOWN]!r}, which is none of the choices {list(request.sampling.choices)}", usage)
        text = said
    return Reply(text, str(finish), logprobs, None, usage.prompt_tokens, usage.completion_tokens)


def label_logprobs(found: Any, labels: Sequence[str]) -> dict[str, float]:
    """Each label's log-probability as the first token, with or without a space around it (the two add up). One whose number is
    NaN or no log-probability is absent; one that is not among the alternatives has a bound (see `with_bounds`)."""
    try:
        first = found["content"][0]["top_logprobs"]
        pairs = [(each["token"].strip(), each["logprob"]) for each in first]
    except (TypeError, KeyError, IndexError, AttributeError):
        return {}
    held: dict[str, float] = {}
    for label in labels:
        numbers = [number for token, number in pairs if token == label.strip()]
        if numbers and all(map(_is_logprob, numbers)):
            top = max(numbers)
            total = top + math.log(sum(math.exp(each - top) for each in numbers)) if top > -math.inf else top
            held[label] = min(float(total), 0.0)
    named = {token for token, _ in pairs}
    if not all(_is_logprob(number) for _, number in pairs) or any(label.strip() in named and label not in held for label in labels):
        return held
    return with_bounds(held, labels, [number for _, number in pairs])


def _is_logprob(number: Any) -> bool:
    return type(number) in (int, float) and number <= ROUNDING  # NaN is not


def score_reply(raw: str, request: Request, start: int, length: int) -> Reply:
    """The log-likelihood of `length` tokens from `start` on in an echoed completion."""
    found = parsed(raw, request)
    usage = _usage(found, request)
    try:
        scored = found["choices"][0]["logprobs"]["token_logprobs"][start : start + length]
    except (TypeError, KeyError, IndexError):
        raise useless("it echoes no log-probabilities of the prompt", usage) from None
    if len(scored) != length or not all(map(_is_logprob, scored)):
        raise useless("its log-probabilities of the continuation are missing or no numbers", usage)
    return Reply("", logprob=min(float(sum(scored)), 0.0), prompt_tokens=start, completion_tokens=length)


def useless(why: str, usage: Usage) -> EngineError:
    """The error for a call that was answered (200), and billed, and whose answer cannot be used."""
    return EngineError(f"the server's answer is of no use, and is counted as paid: {why}", usage)


def most_usage(request: Request) -> Usage:
    """The most that a call can have cost whose answer does not say."""
    return Usage(1, 0, *most_tokens(request))


def parsed(raw: str, request: Request) -> Mapping[str, Any]:
    """The object that an answer is. Raises EngineError, with what it cost, where it is none."""
    try:
        found = json.loads(raw, parse_int=_number)
    except (ValueError, RecursionError) as error:
        raise useless(f"it is not JSON ({error})", most_usage(request)) from None
    if not isinstance(found, dict):
        raise useless(f"it is a {type(found).__name__}, not an object", most_usage(request))
    if found.get("error") and not found.get("choices"):  # a gateway's way to pass on what failed behind it: nothing was made
        raise EngineError(f"the server failed: {str(found['error'])[:SHOWN]}")
    return found


def _number(digits: str) -> int | float:
    """A whole number, or where no count and no log-probability is as large, a float."""
    return int(digits) if len(digits) < 16 else float(digits)


def _usage(found: Mapping[str, Any], request: Request) -> Usage:
    """What the server says it billed; at most, where it does not say."""
    told = found.get("usage")
    counts: list[Any] = [told.get(name) for name in ("prompt_tokens", "completion_tokens")] if isinstance(told, dict) else [None]
    is_count = all(type(each) is int and 0 <= each <= MOST_TOKENS for each in counts)
    return Usage(1, 0, *counts) if is_count else most_usage(request)
