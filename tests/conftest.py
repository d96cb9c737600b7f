"""Laws are checked by hypothesis without a deadline: a busy machine is not a broken law."""

from hypothesis import settings

settings.register_profile("pasture", deadline=None)
settings.load_profile("pasture")
