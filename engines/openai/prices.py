"""What a hosted model costs, from a table that the user can edit (`prices.toml`, or a file laid over it)."""

import math
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from ...core.errors import InputError
from ...core.files.reading import read_toml
from ...core.text import one_line

VARIABLE = "PASTURE_PRICES"
SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")
LOCAL = re.compile(r"localhost|127(\.\d+){3}|0\.0\.0\.0|::1|.+\.localhost")


def is_local(host: str) -> bool:
    """True for this computer, whose answers cost nothing."""
    return LOCAL.fullmatch(host) is not None


def prices_for(
    model: str, host: str, prices: Sequence[float] | None = None, table: Path | str | None = None
) -> tuple[float, float]:
    """Dollars per million prompt and completion tokens: `prices` where given; else from the user's table (`table`, or the file
    that PASTURE_PRICES names), else from the shipped one; nothing on this computer. Raises InputError for a model in none."""
    if prices is not None:
        return price_pair(prices, "the option `prices`")
    own = table or os.environ.get(VARIABLE)
    tables = [read_toml(own, "a table of prices in the form of engines/openai/prices.toml")] if own else []
    tables.append(tomllib.loads(files(__package__ or "").joinpath("prices.toml").read_text(encoding="utf-8")))
    for each in tables:
        listed = each.get(host, {})
        if not isinstance(listed, Mapping):
            raise InputError(f'the prices of {host!r} are {one_line(listed)}; they are a table: "{model}" = [0.50, 1.50]')
        for name in (model, SNAPSHOT.sub("", model)):
            if name in listed:
                return price_pair(listed[name], f"the price of {name!r}")
    if is_local(host):
        return 0.0, 0.0
    what = f"no price is known for {model!r} on {host!r}, and a budget needs one"
    way_out = f"give prices=(dollars per million prompt tokens, per million completion tokens), or a price table in {VARIABLE}"
    raise InputError(f'{what}; {way_out}, a TOML file with\n["{host}"]\n"{model}" = [0.50, 1.50]')


def price_pair(given: Any, what: str) -> tuple[float, float]:
    """Two prices as they may be given: numbers or their text, 0 or more. Raises InputError, which calls them `what`."""
    try:
        prompt, completion = map(float, given)
    except (TypeError, ValueError, OverflowError):
        prompt = completion = math.nan
    if not (0 <= prompt < math.inf and 0 <= completion < math.inf):
        why = f"{what} is {one_line(given)}"
        raise InputError(f"{why}; it is two numbers, 0 or more: dollars per million prompt and completion tokens")
    return prompt, completion
