"""Findings of the literature, each a command that can fail: `pasture claims list`, `pasture claims run ID`.

The table is `claims.toml`: the summary is what is claimed, the paper is who claims it; `claim.py` is the contract."""

import tomllib
from importlib.resources import files

from ...core.registry import Entry, Registry

_TABLE = tomllib.loads(files(__name__).joinpath("claims.toml").read_text(encoding="utf-8"))
CLAIMS = Registry("claim", {name: Entry(f"{__name__}.{target}", *words) for name, (target, *words) in _TABLE.items()})
