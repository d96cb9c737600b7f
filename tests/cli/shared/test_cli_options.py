"""Options that take one value are given once; the session's options are in every command; progress without a terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pasture.cli import COMMANDS as TABLE
from pasture.cli.shared import console as shown
from pasture.cli.shared.commands import loaded
from pasture.core.errors import InputError

MADE = {name: loaded(f"pasture.cli.{target}", name) for name, (target, _) in TABLE.items()}
COMMANDS = [
    (f"{name} {inner}".strip(), command)
    for name, made in MADE.items()
    for inner, command in getattr(made, "commands", {"": made}).items()
]


def single(command: Any) -> list[Any]:
    return [each for each in command.params if each.param_type_name == "option" and not each.multiple and not each.is_flag]


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_an_option_with_one_value_is_refused_where_it_is_given_twice(name: str, command: Any):
    for option in single(command):
        for words in ([option.opts[0], "1", option.opts[0], "2"], [f"{option.opts[0]}=1", f"{option.opts[0]}=2"]):
            with pytest.raises(InputError, match=f"{option.opts[0]} was given 2 times .'1' and '2'., and it takes one value"):
                command.main(words, prog_name=name, standalone_mode=False)


@pytest.mark.parametrize("name", TABLE)
def test_the_list_of_commands_begins_as_the_help_of_each(name: str):
    words, of_list = (re.findall(r"[\w'-]+", text.lower())[:3] for text in (MADE[name].help, TABLE[name][1]))
    assert words == of_list


def test_options_that_may_be_repeated_and_switches_are_taken():
    context = MADE["annotate"]
    words = ["--annotator", "judge", "--set", "a=1", "--set", "b=2", "--model", "x=a", "--model", "y=b", "--json", "--json"]
    taken = context.make_context("annotate", words)
    assert (taken.params["set"], taken.params["model"], taken.params["json"]) == (["a=1", "b=2"], ["x=a", "y=b"], True)


@pytest.mark.parametrize(
    "name", ["rank", "train", "evaluate", "audit", "annotate", "fit pool", "fit constitution", "personas bench", "personas sample"]
)
def test_every_command_that_asks_has_the_sessions_options(name: str):
    options = {option for each in dict(COMMANDS)[name].params for option in each.opts}
    wanted = {"--engine", "--model", "--engine-set", "--store", "--budget-dollars", "--budget-requests", "--dry-run", "--json"}
    assert wanted <= options
    (model,) = (each for each in dict(COMMANDS)[name].params if "--model" in each.opts)
    assert model.multiple


def test_where_there_is_no_terminal_progress_is_a_line_now_and_then(capsys, monkeypatch):
    moments = iter([0.0, 1.0, 11.0, 12.0, 30.0])
    monkeypatch.setattr(shown.time, "monotonic", lambda: next(moments))
    with shown.progress() as tell:
        tell("judge", 1, 400)
        tell("judge [/x]", 2000, 4000)
        tell("judge", 5, 400)
        tell("of a stream", 7, 0)
    assert capsys.readouterr().err == "pasture: judge [/x]: 2,000 of 4,000 after 11 s\npasture: of a stream: 7 after 30 s\n"


def test_hidden_progress_says_nothing(capsys, monkeypatch):
    monkeypatch.setattr(shown, "LINE_SECONDS", 0.0)
    with shown.progress(hidden=True) as tell:
        tell("judge", 1, 400)
    assert capsys.readouterr().err == ""


def test_a_budget_reaches_rank_and_what_was_finished_is_kept(pasture, tmp_path: Path):
    line = (
        "rank --world exact --method sft --seeds 1 --labels 10 --eval-prompts 20 --engine scripted --evaluator judge --out r --json"
    )
    words = line.split()
    priced = json.loads(pasture(*words, "--dry-run", cwd=tmp_path).stdout)
    assert (priced["cells"], priced["training_labels"], priced["verdicts"], priced["requests"]) == (1, 10, 40, 40)
    stopped = pasture(*words, "--budget-requests", "3", cwd=tmp_path)
    assert stopped.returncode == 1
    assert "the budget was used up before 'judge' had judged all 40 items: the budget of 3 requests is used up" in stopped.stderr
    assert not list((tmp_path / "r" / "cells").glob("*.json"))
    done = pasture(*words, "--budget-requests", "37", cwd=tmp_path)  # three are in the store
    assert done.returncode == 0, done.stderr
    assert json.loads(pasture(*words, "--dry-run", cwd=tmp_path).stdout)["requests"] == 0


def test_a_message_of_any_length_keeps_its_beginning_and_its_way_out(pasture, tmp_path: Path):
    (tmp_path / "suite.toml").write_text(f'world = "exact"\nranked = ["sft"]\n{"9" * 5000} = 1\n')
    done = pasture("rank", "--suite", "suite.toml", "--dry-run", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("pasture: the suite 'suite.toml' has an unknown key '9999")
    assert len(done.stderr) < 2200
