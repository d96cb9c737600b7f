"""One question a file, suites as TOML. The only room that wires the others."""

from ..core.public import public

__getattr__ = public(__name__)
