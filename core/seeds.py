"""Randomness that depends on what is drawn for, and on nothing else.

`rng_for(seed, *keys)` hashes its keys, so that batching, order, sharding and resuming change no draw. There is no
global generator anywhere in Pasture.
"""

from __future__ import annotations

import hashlib

import numpy as np


def digest(*keys: str | int) -> bytes:
    """128-bit BLAKE2b of the keys. Lengths are hashed too, so that ("ab", "c") and ("a", "bc") differ, as do 1 and "1"."""
    hasher = hashlib.blake2b(digest_size=16)
    for key in keys:
        text = str(key).encode("utf-8", "surrogatepass")
        hasher.update(b"%s%d:" % (b"i" if isinstance(key, int) else b"s", len(text)))
        hasher.update(text)
    return hasher.digest()


def rng_for(seed: int, *keys: str | int) -> np.random.Generator:
    """The generator of this seed and these keys (Philox, counter-based: cheap to make, a million of them independent)."""
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest(seed, *keys), "little")))


def seed_for(seed: int, *keys: str | int) -> int:
    """A 31-bit seed for a library that wants an integer (an engine's sampler, torch)."""
    return int.from_bytes(digest(seed, *keys)[:4], "little") >> 1
