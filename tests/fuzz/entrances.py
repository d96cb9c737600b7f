"""Every entrance of the command line, with an input that it takes and ways to spoil it; each gives the words of a command."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from .mutations import NAMES, TOKENS, VALUES, spoilt_file, spoilt_rows, spoilt_text, write

Entrance = Callable[[Path, Random], list[str]]
ENTRANCES: dict[str, tuple[Entrance, float]] = {}
"""By name: the entrance, and its share of the cases."""

ANNOTATE = ["annotate", "--annotator", "judge", "--pairs"]
PAIRS = [{"prompt": f"q{n}", "left": f"long {n}", "right": f"s{n}", "left_model": "a", "id": n} for n in range(3)]
TRL = [
    {"prompt": f"q{n}", "chosen": f"good {n}", "rejected": f"b{n}", "p_chosen": 0.9, "left_was_chosen": n % 2 == 0}
    for n in range(4)
]
CHATS = [
    {who: [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": f"{who} {n}"}] for who in ("chosen", "rejected")}
    for n in range(2)
]
OUTPUTS = [{"instruction": f"q{n}", "output": f"answer {n}", "generator": "a"} for n in range(3)]
ANNOTATIONS = [
    {
        "instruction": f"q{n}",
        "output_1": f"base {n}",
        "output_2": f"model {n}!",
        "generator_1": "base",
        "generator_2": "model",
        "annotator": "judge",
        "preference": 1.0 + n % 2,
        "price_per_example": 0.01,
    }
    for n in range(6)
]
BATTLES = [
    {"model_a": "abc"[n % 3], "model_b": "abc"[(n + 1) % 3], "winner": "model_a" if n % 4 else "tie", "question_id": n}
    for n in range(9)
]
OUTS = [
    "o.jsonl",
    "o.parquet",
    "o.csv",
    "o.json",
    "o.jsonl.gz",
    "/dev/null",
    ".",
    "x" * 300 + ".json",
    "no/such/o.jsonl",
    "o",
    "o.txt",
]
ANNOTATOR = """kind = "flip"
rate = 0.25
name = "noisy"
[inner]
use = "spammer"
habit = "longer"
"""
JUDGE = '''kind = "judge"
pair = """{{ prompt }}
{{ fence }}
{{ left }}
{{ fence }}
{{ right }}
{{ fence }}"""
ask = "Which is better, A or B?"
shared = "You judge."
'''
SUITE = """world = "exact"
ranked = ["dpo"]
labels = 20
seeds = 1
prompts = 20
eval_prompts = 20
samples = 1
feedback = "gold"
evaluator = "gold"
flip = 0.1
[methods.dpo]
epochs = 1
beta = 0.1
[world_options]
prompts = 20
"""
CONFIG = """judge:
  prompt_template: "prompt.txt"
  fn_completions: "openai_completions"
  completions_kwargs:
    model_name: "gpt"
    max_tokens: 20
    temperature: 0
    top_p: 1.0
    stop: ["x"]
  fn_completion_parser: "regex_parser"
  completion_parser_kwargs:
    outputs_to_match:
      1: '(?:^|\\n) ?Output \\(a\\)'
      2: '(?:^|\\n) ?Output \\(b\\)'
  batch_size: 1
  is_randomize_output_order: true
"""
PROMPT = "<|im_start|>user\nWhich is better?\n{instruction}\n(a) {output_1}\n(b) {output_2}\n<|im_end|>\n"
PRICES = """["api.example.com"]
"gpt" = [0.5, 1.5]
"""
CODE = [
    "def f(pair): return True",
    "def f(pair): return 1/0",
    "def f(pair): return 'A'",
    "def f(pair): return None",
    "def f(:",
    "raise ValueError('boom')",
    "import sys; sys.exit(3)",
    "import nothing_of_this_name",
    "def f(): return 1",
    "f = 3",
    "f = None",
    "class f: pass",
    "class f:\n name = 1\n async def annotate(self, item, ask, rng): return 1",
    "def f(pair): raise GeneratorExit",
    "class f:\n name = 'n'\n async def annotate(self, item, ask, rng): raise KeyError(1)",
    "class X(BaseException): pass\ndef f(p): raise X",
    "class f:\n name = 'n'\n def annotate(self, item, ask, rng): return 1",
    "def f(pair): return 2",
    "def f(pair): return float('nan')",
    "def f(pair, x): return True",
    "def f(pair, rng, ask, world): return True",
    "def f(*a, **k): return 0.25",
    "f = print",
    "f = type",
    "async def f(pair): return 'no'",
    "def f(pair):\n import sys\n sys.exit(3)",
    "def f(pair): return f(pair)",
    "import os\nf = os.getcwd",
    "class f:\n def __init__(self): raise ValueError('x')\n",
    "def f(pair): return [1]",
    "def f(pair): return pair",
    "\0",
    "x = (",
    "",
    "def Config(): pass\ndef train(): pass",
    "class Config: pass\ntrain = 1",
    "f = lambda p: 10**400",
    "f = property(lambda s: 1)",
]


def entrance(name: str, share: float = 4) -> Callable[[Entrance], Entrance]:
    def kept(function: Entrance) -> Entrance:
        ENTRANCES[name] = (function, share)
        return function

    return kept


def rows_at(folder: Path, name: str, rows: list[dict[str, Any]], draw: Random) -> str:
    """A spoilt file of rows: its values, or its bytes."""
    if draw.random() < 0.7:
        return str(write(folder / name, spoilt_rows(rows, draw), draw))
    path = write(folder / name, rows, draw)
    spoilt_file(path, draw)
    return str(path)


def text_at(path: Path, text: str, draw: Random) -> str:
    path.write_text(text)
    spoilt_file(path, draw)
    return str(path)


def good(folder: Path, name: str, rows: list[dict[str, Any]]) -> str:
    (folder / name).write_text(json.dumps(rows))
    return str(folder / name)


@entrance("annotate --pairs", 12)
def _(folder: Path, draw: Random) -> list[str]:
    pairs = rows_at(folder, "p", draw.choice([PAIRS, TRL, CHATS]), draw)
    return ["annotate", "--pairs", pairs, "--annotator", "longest", "--out", draw.choice(OUTS[:5])]


@entrance("annotate --out", 3)
def _(folder: Path, draw: Random) -> list[str]:
    return ["annotate", "--pairs", good(folder, "p.json", PAIRS), "--annotator", "longest", "--out", draw.choice(OUTS)]


@entrance("annotate --answers")
def _(folder: Path, draw: Random) -> list[str]:
    annotator = draw.choice(["longest", "scripted-rater"])
    return [
        "annotate",
        "--answers",
        rows_at(folder, "a", OUTPUTS, draw),
        "--annotator",
        annotator,
        "--world",
        "exact",
        "--out",
        "o.jsonl",
    ]


@entrance("leaderboard FOLDER", 6)
def _(folder: Path, draw: Random) -> list[str]:
    at = folder / "r" / "model" / "judge"
    at.mkdir(parents=True)
    name = str(folder / "r")
    if draw.random() < 0.7:
        rows = spoilt_rows(ANNOTATIONS, draw)
        (at / "annotations.json").write_text(json.dumps(rows))
        if draw.random() < 0.5:
            name = str(write(folder / "t", rows, draw))
    else:
        text_at(at / "annotations.json", json.dumps(ANNOTATIONS), draw)
    return [
        "leaderboard",
        name,
        "--resamples",
        "0",
        *draw.choice([[], ["--json"], ["--weights", "own"], ["--out", "o.csv"], ["--judge", "judge"]]),
    ]


@entrance("leaderboard --published")
def _(folder: Path, draw: Random) -> list[str]:
    at = folder / "published"
    at.mkdir()
    tables = {
        "alpaca_eval__judge_leaderboard.csv": ",win_rate,n_total,standard_error\nmodel,50.0,6,1.0\n",
        "lc_weights__judge.csv": ",not_gamed_baseline.astype(float),instruction_difficulty,np.tanh(std_delta_len)\n"
        "model,1.0,0.5,0.1\n",
        "instruction_difficulty.csv": "index,instruction_difficulty\n0,0.5\n1,0.2\n",
        "df_gamed.csv": "index,preference,std_delta_len\n0,0.5,0.2\n1,0.1,0.3\n",
        "instructions.csv": "index,instruction\n" + "".join(f"{n},q{n}\n" for n in range(6)),
    }
    for name, text in tables.items():
        (at / name).write_text(text)
    spoilt_file(at / draw.choice(list(tables)), draw)
    return ["leaderboard", good(folder, "annotations.json", ANNOTATIONS), "--published", str(at), "--resamples", "0"]


@entrance("leaderboard of battles", 4)
def _(folder: Path, draw: Random) -> list[str]:
    return ["leaderboard", rows_at(folder, "b", BATTLES, draw), "--resamples", "0", "--json"]


@entrance("evaluate files", 3)
def _(folder: Path, draw: Random) -> list[str]:
    return ["evaluate", rows_at(folder, "a", OUTPUTS, draw), "--against", good(folder, "b.json", OUTPUTS), "--annotator", "longest"]


@entrance("evaluate a saved policy", 4)
def _(folder: Path, draw: Random) -> list[str]:
    saved = next((folder.parent / "policy").glob("*"), None) or folder
    shutil.copytree(folder.parent / "policy", folder / "policy")
    spoilt_file(draw.choice(sorted(each for each in (folder / "policy").rglob("*") if each.is_file())), draw)
    assert saved
    return ["evaluate", str(folder / "policy"), "--annotator", "gold", "--samples", "1"]


@entrance("audit --annotations", 4)
def _(folder: Path, draw: Random) -> list[str]:
    rows = [{**row, "annotator": "judge"} for row in TRL] if draw.random() < 0.5 else ANNOTATIONS
    return ["audit", "judge", "--annotations", rows_at(folder, "a", rows, draw), "--json"]


@entrance("audit --gold", 3)
def _(folder: Path, draw: Random) -> list[str]:
    return ["audit", "longest", "--gold", rows_at(folder, "g", draw.choice([TRL, ANNOTATIONS]), draw), "--seeds", "1"]


@entrance("compare", 6)
def _(folder: Path, draw: Random) -> list[str]:
    rows = draw.choice([TRL, ANNOTATIONS])
    return ["compare", rows_at(folder, "a", rows, draw), good(folder, "b.json", rows), *draw.choice([[], ["--json"]])]


@entrance("fit pool", 2)
def _(folder: Path, draw: Random) -> list[str]:
    labels = rows_at(folder, "l", draw.choice([TRL, ANNOTATIONS]), draw)
    return ["fit", "pool", "--labels", labels, "--out", "o.toml", "--member", "longest", "--member", "first"]


@entrance("power", 4)
def _(folder: Path, draw: Random) -> list[str]:
    options = ["--delta", "--prompts", "--flip", "--samples", "--between", "--variance", "--alpha", "--power"]
    values = ["0", "1", "-1", "0.5", "1e-300", "1e300", "nan", "inf", "-inf", "", "x", "9" * 400, "100", "3", "0.05"]
    words = [f"{option}={draw.choice(values)}" for option in draw.sample(options, draw.randrange(1, 4))]
    return ["power", *words, *draw.choice([[], ["--json"]])]


@entrance("option values", 6)
def _(folder: Path, draw: Random) -> list[str]:
    values = ["0", "1", "-1", "0.5", "nan", "inf", "", "x", "9" * 400, "1e300", "\ud800", "[/b]", "x" * 300]
    options = {
        "annotate": [
            "--flip",
            "--seed",
            "--limit",
            "--budget-dollars",
            "--budget-labels",
            "--budget-requests",
            "--world",
            "--store",
            "--model",
        ],
        "rank": ["--flip", "--labels", "--seeds", "--eval-prompts", "--jobs", "--suite", "--world", "--feedback", "--engine"],
        "compare": ["--level"],
        "personas": ["--n", "--seed", "--out"],
        "leaderboard": ["--resamples", "--seed", "--judge", "--weights", "--out"],
    }
    command = draw.choice(list(options))
    words = {
        "annotate": ["annotate", "--pairs", good(folder, "p.json", PAIRS), "--annotator", "longest", "--out", "o.jsonl"],
        "rank": ["rank", "--world", "exact", "--method", "dpo", "--dry-run"],
        "compare": ["compare", good(folder, "a.json", ANNOTATIONS), good(folder, "b.json", ANNOTATIONS)],
        "personas": ["personas", "sample"],
        "leaderboard": ["leaderboard", good(folder, "a.json", ANNOTATIONS)],
    }[command]
    value = draw.choice(values)
    if command == "personas" and value == "1e300":
        value = "2"
    return [*words, f"{draw.choice(options[command])}={value}"]


@entrance("names", 6)
def _(folder: Path, draw: Random) -> list[str]:
    name = draw.choice(NAMES)
    (folder / "x.py").write_text("y = 1\n")
    match draw.randrange(5):
        case 0:
            return ["annotate", "--pairs", good(folder, "p.json", PAIRS), "--annotator", name, "--out", "o.jsonl"]
        case 1:
            return ["rank", "--world", "exact", "--method", name, "--dry-run"]
        case 2:
            return ["annotate", "--world", name, "--annotator", "longest", "--out", "o.jsonl", "--limit", "2"]
        case 3:
            return [draw.choice(["annotators", "methods", "worlds"]), "show", name]
        case _:
            return [*ANNOTATE, good(folder, "p.json", PAIRS), "--engine", name, "--model", name, "--out", "o.jsonl"]


@entrance("--set", 6)
def _(folder: Path, draw: Random) -> list[str]:
    annotator, option = draw.choice(
        [
            ("flip", "rate"),
            ("flip", "inner"),
            ("spammer", "habit"),
            ("jury", "members"),
            ("biased", "position"),
            ("longest", "x"),
            ("swap", "inner"),
            ("temperature", "temperature"),
            ("alpaca-eval-config", "config"),
            ("icai", "constitution"),
            ("drift", "rate"),
        ]
    )
    value = draw.choice(TOKENS + NAMES)
    return [
        "annotate",
        "--pairs",
        good(folder, "p.json", PAIRS),
        "--annotator",
        annotator,
        "--set",
        f"{option}={value}",
        "--out",
        "o.jsonl",
    ]


@entrance("suite TOML", 5)
def _(folder: Path, draw: Random) -> list[str]:
    return ["rank", "--suite", text_at(folder / "suite.toml", SUITE, draw), "--dry-run"]


@entrance("annotator TOML", 6)
def _(folder: Path, draw: Random) -> list[str]:
    toml = text_at(folder / "a.toml", ANNOTATOR, draw)
    return ["annotate", "--pairs", good(folder, "p.json", PAIRS), "--annotator", toml, "--out", "o.jsonl"]


@entrance("Jinja parts", 5)
def _(folder: Path, draw: Random) -> list[str]:
    parts = [
        "{{ 'a' * 10**10 }}",
        "{{ left|indent(10**10) }}",
        "{{ '%0999999999d' % 1 }}",
        "{{ '%999999999s'|format('x') }}",
        "{{ [1] * 10**10 }}",
        "{% for i in range(10**9) %}x{% endfor %}",
        "{{ left.text }}",
        "{{ ''.__class__ }}",
        "{{ left|no }}",
        "{{ 1/0 }}",
        "{% if %}",
        "{{",
        "{{ left|center(10**10) }}",
        "{{ 10**10**10 }}",
        "{{ left|wordwrap(0) }}",
        "{{ left|batch(0)|list }}",
        "{{ left[5:] }}",
        "{{ left + 1 }}",
        "{% for a in left %}{% for b in left * 9 %}{% for c in left * 99 %}{{ left }}{% endfor %}{% endfor %}{% endfor %}",
        "{{ left|tojson }}",
        "{{ left|replace('', 'x' * 1000) }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ left.format(1) }}",
        "{% include 'x' %}",
        "{{ left|int }}",
        "{{ '{:>9999999999}'.format(1) }}",
        "{{ left|truncate(-1) }}",
        "{{ lipsum() }}",
        "{{ left|sort|join('x'*9999)|length }}",
    ]
    text = (
        JUDGE.replace("{{ left }}", "{{ left }}" + draw.choice(parts).replace("\\", "\\\\"))
        if draw.random() < 0.7
        else spoilt_text(JUDGE, draw)
    )
    (folder / "j.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
    return [
        "annotate",
        "--pairs",
        good(folder, "p.json", PAIRS),
        "--annotator",
        str(folder / "j.toml"),
        "--engine",
        "scripted",
        "--out",
        "o.jsonl",
    ]


@entrance("a user's .py", 5)
def _(folder: Path, draw: Random) -> list[str]:
    code = folder / f"own{draw.randrange(10**9)}.py"
    code.write_text(draw.choice(CODE))
    name = f"{code}{draw.choice([':f', ':f', ':f', '', ':g', ':'])}"
    if draw.random() < 0.3:
        option = draw.choice(["--method", "--world", "--feedback"])
        return ["rank", option, name, "--dry-run", *([] if option == "--world" else ["--world", "exact"])]
    return ["annotate", "--pairs", good(folder, "p.json", PAIRS), "--annotator", name, "--out", draw.choice(OUTS[:5])]


@entrance("configs.yaml", 6)
def _(folder: Path, draw: Random) -> list[str]:
    (folder / "prompt.txt").write_text(PROMPT)
    (folder / "configs.yaml").write_text(CONFIG)
    spoilt_file(folder / draw.choice(["configs.yaml", "configs.yaml", "configs.yaml", "prompt.txt"]), draw)
    config = str(folder / "configs.yaml")
    return ["annotate", "--pairs", good(folder, "p.json", PAIRS), "--annotator", config, "--engine", "scripted", "--out", "o.jsonl"]


@entrance("persona parameters", 3)
def _(folder: Path, draw: Random) -> list[str]:
    import pasture.simulators.personas.parameters as parameters

    text = Path(parameters.__file__).with_suffix(".toml").read_text()
    return ["personas", "sample", "--n", "2", "--parameters", text_at(folder / "q.toml", text, draw)]


@entrance("personas file", 4)
def _(folder: Path, draw: Random) -> list[str]:
    rows = json.loads((folder.parent / "personas.json").read_text())
    return ["personas", "show", str(draw.choice([0, rows[0]["id"]])), "--file", rows_at(folder, "f", rows, draw)]


@entrance("report", 2)
def _(folder: Path, draw: Random) -> list[str]:
    shutil.copy(folder.parent / "run" / "ranking.json", folder / "ranking.json")
    spoilt_file(folder / "ranking.json", draw)
    return ["report", str(folder), *draw.choice([[], ["--json"], ["--out", draw.choice(OUTS)]])]


@entrance("cells of a run folder", 0.3)
def _(folder: Path, draw: Random) -> list[str]:
    shutil.copytree(folder.parent / "run", folder / "run")
    spoilt_file(draw.choice(sorted((folder / "run" / "cells").iterdir())), draw)
    return [*json.loads((folder.parent / "rank.json").read_text()), "--out", str(folder / "run")]


@entrance("prices", 3)
def _(folder: Path, draw: Random) -> list[str]:
    prices = text_at(folder / "prices.toml", PRICES, draw)
    options = ["--engine-set", "base_url=https://api.example.com/v1", "--engine-set", f"price_table={prices}"]
    return [*ANNOTATE, good(folder, "p.json", PAIRS), "--engine", "openai", "--model", "gpt", *options, "--dry-run"]


assert VALUES
