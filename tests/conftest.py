"""Laws are checked by hypothesis without a deadline: a busy machine is not a broken law. In CI the examples are always the same."""

import os

from hypothesis import settings

settings.register_profile("pasture", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("pasture")
