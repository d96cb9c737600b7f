"""A template always ends, in little memory, and says in which line it fails."""

from __future__ import annotations

import time

import pytest
from pasture.annotators.prompting.template import Template
from pasture.core.errors import InputError
from pasture.core.records import Comparison, Completion, Prompt

PROMPT = Prompt("q")
PAIR = Comparison(Completion(PROMPT, "a long answer" * 1000), Completion(PROMPT, "short"))


@pytest.mark.parametrize(
    "part",
    [
        "{{ 'a' * 10**10 }}",
        "{{ 'a' * 1000000000 }}",
        "{{ [1] * 1000000000 }}",
        "{{ left|indent(10000000000) }}",
        "{{ left|center(10000000000) }}",
        "{{ '%0999999999d' % 1 }}",
        "{{ '%999999999s'|format('x') }}",
        "{{ '{:>999999999}'.format(1) }}",
        "{{ '{:>999999999}'.format_map(1) }}",
        "{{ left.ljust(10000000000) }}",
        "{{ left.replace('', left) }}",
        "{{ 10**5000 }}",
        "{{ 9**9**9 }}",
        "{{ left|join(left) }}",
        "{% for a in left %}{% for b in left %}{% endfor %}{% endfor %}",
        "{% for a in [1, 2] %}{% for b in [1] %}{% for c in [1] %}{% endfor %}{% endfor %}{% endfor %}",
        "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
        "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% set x = left ~ left %}{{ x }}",
        "{% for a in 'x' * 1000 %}{% for b in 'x' * 1000 %}{{ left }}{% endfor %}{% endfor %}",
        "{{ 1 // 0 }}",
        "{{ -left }}",
        "{{ left|no_such_filter }}",
        "{{ " + "(" * 300 + "1" + ")" * 300 + " }}",
    ],
)
def test_what_has_no_bound_is_refused_at_once(part: str):
    started = time.process_time()
    with pytest.raises(InputError, match="the part `pair` of the template of 'x'") as caught:
        Template("x", "", "{{ left }} {{ right }}\n" + part).render(PAIR)
    assert time.process_time() - started < 8
    assert "\n" not in str(caught.value)


def test_the_line_that_fails_is_named():
    with pytest.raises(InputError, match=r"\(line 3\)"):
        Template("x", "", "{{ left }}\n{{ right }}\n{{ 1 // 0 }}")


def test_what_is_bounded_is_rendered():
    text = "{% for a in [left, right] %}{{ loop.index }}. {{ a[:3]|upper }}{% if not loop.last %}, {% endif %}{% endfor %}"
    assert Template("x", "", text).render(PAIR) == "1. A L, 2. SHO"
    assert Template("x", "", "{{ left|length + 1 }} {{ right.split('o')|join('0') }}").render(PAIR) == "13001 sh0rt"
