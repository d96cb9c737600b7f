"""How many requests vLLM gets at once on a CPU: so many that a kill loses little, and no fewer than it works well with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pasture.engines.vllm_engine import CHUNK_SECONDS, CHUNKS_ON_CPU, CHUNKS_ON_GPU, next_chunk


def lasting(seconds_a_request: float, chunks: int) -> list[int]:
    sizes = [CHUNKS_ON_CPU[0]]
    for _ in range(chunks):
        sizes.append(next_chunk(sizes[-1], sizes[-1] * seconds_a_request, *CHUNKS_ON_CPU))
    return sizes


def test_chunks_grow_to_what_lasts_the_wanted_time_and_shrink_when_requests_become_slow():
    assert lasting(0.25, 5) == [8, 16, 32, 64, 80, 80]  # 20 s hold 80 of a quarter of a second
    assert lasting(0.001, 6)[-2:] == [256, 256]
    assert lasting(5.0, 2) == [8, 8, 8]
    assert next_chunk(80, 200.0, *CHUNKS_ON_CPU) == 8


@given(st.integers(8, 256), st.floats(0, 1e6))
def test_a_chunk_is_within_its_limits_and_never_more_than_double(size, seconds):
    least, most = CHUNKS_ON_CPU
    found = next_chunk(size, seconds, least, most)
    assert least <= found <= min(most, 2 * size)
    assert found * seconds / size <= CHUNK_SECONDS or found == least


def test_on_a_gpu_and_where_it_is_given_it_stays():
    assert next_chunk(4096, 500.0, *CHUNKS_ON_GPU) == 4096 == next_chunk(4096, 0.0, *CHUNKS_ON_GPU)


@pytest.mark.parametrize("size", [0, -1])
def test_a_chunk_of_nothing_is_refused(size):
    from pasture.core.errors import InputError
    from pasture.engines import make_engine

    with pytest.raises(InputError, match="it is at least 1"):
        make_engine("vllm", "smollm2-135m", chunk_size=size)
