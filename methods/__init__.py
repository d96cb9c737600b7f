"""The methods: `methods.toml`, one file each.

Traits: `starts_from` is `base` where a suite hands the method the base policy, not the SFT policy; `yields` is what `train` returns
where that is not a policy."""

import tomllib
from importlib.resources import files

from ..core.public import public
from ..core.registry import Entry, Registry

_TABLE = tomllib.loads(files(__name__).joinpath("methods.toml").read_text(encoding="utf-8"))
METHODS = Registry("method", {name: Entry(f"{__name__}.{target}", *words) for name, (target, *words) in _TABLE.items()})

__getattr__ = public(__name__)
