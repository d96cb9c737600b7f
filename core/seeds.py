"""Randomness that depends on what is drawn for, and on nothing else.

`rng_for(seed, *keys)` hashes its keys, so that batching, order, sharding and resuming change no draw. There is no
global generator anywhere in Pasture."""

import hashlib
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence


def digest(*keys: str | int) -> bytes:
    """128-bit BLAKE2b of the keys. Lengths are hashed too, so that ("ab", "c") and ("a", "bc") differ, as do 1 and "1"."""
    whole = "".join([f"s{len(key)}:{key}" if type(key) is str else _other(key) for key in keys])
    if whole.isascii():  # as many bytes as characters, in half the time
        return hashlib.blake2b(whole.encode(), digest_size=16).digest()
    parts: list[bytes] = []
    for key in keys:
        text = (key if type(key) is str else str(key)).encode("utf-8", "surrogatepass")
        parts.append((b"i%d:" if isinstance(key, int) else b"s%d:") % len(text))
        parts.append(text)
    return hashlib.blake2b(b"".join(parts), digest_size=16).digest()


def _other(key: str | int) -> str:
    text = str(key)
    return f"{'i' if isinstance(key, int) else 's'}{len(text)}:{text}"


class _Key(ISeedSequence):
    """Hands its 128 bits to Philox as they are: the stream of `Philox(key=...)`, at a third of its price, as that gathers
    entropy only to throw it away."""

    def __init__(self, key: bytes) -> None:
        self.key = key

    def generate_state(self, n_words: int, dtype: Any = np.uint64) -> np.ndarray:
        assert n_words == 2
        return np.frombuffer(self.key, np.uint64)


def rng_for(seed: int, *keys: str | int) -> np.random.Generator:
    """The generator of this seed and these keys (Philox, counter-based: cheap to make, a million of them independent)."""
    return np.random.Generator(np.random.Philox(_Key(digest(seed, *keys))))  # pyright: ignore[reportArgumentType]


def seed_for(seed: int, *keys: str | int) -> int:
    """A 31-bit seed for a library that wants an integer (an engine's sampler, torch)."""
    return int.from_bytes(digest(seed, *keys)[:4], "little") >> 1
