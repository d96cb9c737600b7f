"""How the actor reads a prompt that puts several pairs at once, numbered, as AlpacaFarm's batches are: each pair by itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

from ....core.requests import Message, Reply, Request, Sampling
from .scene import sections_of

VERDICT = json.dumps({"type": "object", "properties": {"verdict": {"enum": ["A", "B"]}}, "required": ["verdict"]})


def answer_batch(request: Request, respond: Callable[[Request], Reply]) -> Reply | None:
    """`verdicts`, one a pair, in the order of their numbers; None where the prompt holds no numbered pairs."""
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
