"""AlpacaEval's published length-controlled win rates, from its weights and fitted again, and the fault in them."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pasture.core.errors import InputError
from pasture.eval.files.alpaca_eval import Judgments, find_instructions, read_folder
from pasture.eval.leaderboards.leaderboard import Weights, leaderboard
from pasture.eval.leaderboards.length_control import PENALTIES, error_of_mean, length_controlled_win_rate
from pasture.eval.leaderboards.published import (
    DIFFICULTY,
    LENGTH,
    MODEL,
    Published,
    liblinear,
    published_folds,
    read_published,
    refit,
)
from pasture.eval.leaderboards.reproduction import checks, join_faults

from ...published_data import ALPACA_EVAL, needs

JUDGE = "weighted_alpaca_eval_gpt4_turbo"
CLOSE_CALL = "llama-2-chat-7b-evol70k-neft"  # two penalties whose held-out losses differ by 9e-5, and rates by 4 points
NULL_MODEL = "NullModel"  # its published value is of another penalty than its published weights
needs_data = needs(ALPACA_EVAL)


@pytest.fixture(scope="module")
def published() -> Published:
    return read_published(ALPACA_EVAL / "published")


@pytest.fixture(scope="module")
def judged() -> dict[str, Judgments]:
    return {each.model: each for each in read_folder(ALPACA_EVAL, JUDGE)}


def moved(of: Judgments) -> bool:
    """Whether a missing row moves the later ones off their instructions' places."""
    return list(of.ids) != list(range(len(of.ids)))


def test_the_folds_are_those_of_an_unstable_quicksort() -> None:
    # NumPy sorts with the scalar quicksort where its vector instructions are switched off, as scikit-learn < 1.8 then dealt folds.
    code = "import numpy as np; print(*(np.argsort(np.full(n, 2)).tolist() for n in (12, 17, 40, 805, 2413)), sep='\\n')"
    off = os.environ | {"NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512_SKX X86_V3 X86_V4"}
    told = subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=off, capture_output=True, text=True, check=True)
    for line in told.stdout.splitlines():
        order = np.array([int(each) for each in line.strip("[]").split(",")])
        folds = np.empty(len(order), dtype=int)
        folds[order[::-1]] = np.arange(len(order)) % 5
        np.testing.assert_array_equal(published_folds(range(len(order))), folds)


def test_nothing_published_is_no_error(tmp_path: Path) -> None:
    found = read_published(tmp_path)
    assert found == Published()
    of = Judgments("m", "j", "b", (0, 1), np.array([0.2, 0.8]), np.ones(2), np.ones(2))
    assert found.lacks_weights(of)
    assert found.row(of) is None
    with pytest.raises(InputError, match="no published instruction difficulty"):
        refit(of, found)


def test_weights_without_their_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "lc_weights__j.csv").write_text(",length\nm,1\n", encoding="utf-8")
    with pytest.raises(InputError, match="lacks one of the columns"):
        read_published(tmp_path)


WEIGHTS = f",{LENGTH},{DIFFICULTY},{MODEL}\nm,-1.5,0.8,0.2\n"
ROWS = ",win_rate,n_total,length_controlled_winrate\nm,40,2,55\n"


def laid_out(root: Path, flat: bool) -> Path:
    """One judge's tables as AlpacaEval's repository has them, or all in one folder; the folder to give."""
    files = (
        {"data_AlpacaEval_2__j_leaderboard.csv": ROWS, "lc_weights__j.csv": WEIGHTS}
        if flat
        else {
            "leaderboards/data_AlpacaEval_2/j_leaderboard.csv": ROWS,
            "metrics/weights/j/length_controlled_v1/baseline_base.csv": WEIGHTS,
        }
    )
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    difficulty = root / ("instruction_difficulty.csv" if flat else "leaderboards/instruction_difficulty.csv")
    difficulty.write_text("\ufeffindex,instruction_difficulty\n0,0.5\n1,-0.5\n", encoding="utf-8")
    return root


@pytest.mark.parametrize(("flat", "below"), [(True, "."), (False, "."), (False, "leaderboards")])
def test_both_layouts_of_the_published_tables_are_read(tmp_path: Path, flat: bool, below: str) -> None:
    found = read_published(laid_out(tmp_path, flat) / below)
    of = Judgments("m", "j", "base", (0, 1), np.array([0.2, 0.8]), np.ones(2), np.ones(2))
    assert (found.row(of) or {})["length_controlled_winrate"] == 55
    assert found.lacks_weights(of) == ""
    # sigmoid(.2 + .4) = .645656, sigmoid(.2 - .4) = .450166
    assert found.predictions(of).mean() == pytest.approx((0.645656306 + 0.450166003) / 2, abs=1e-9)
    assert len(found.found) == 3
    (row,) = leaderboard([of], found)
    assert (row.length_control, row.notes) == ("published", ())


def test_weights_of_another_baseline_are_not_taken(tmp_path: Path) -> None:
    found = read_published(laid_out(tmp_path, flat=False))
    of = Judgments("m", "j", "another", (0, 1), np.array([0.2, 0.8]), np.ones(2), np.ones(2))
    assert "do not have this model and baseline" in found.lacks_weights(of)


def test_what_the_published_weights_lack_is_said_as_it_is(tmp_path: Path) -> None:
    of = Judgments("m", "j", "base", (0, 1), np.array([0.2, 0.8]), np.ones(2), np.ones(2))
    folder = laid_out(tmp_path, flat=True)
    (folder / "instruction_difficulty.csv").unlink()
    published = read_published(folder)
    (row,) = leaderboard([of], published, Weights.PUBLISHED)
    assert row.length_controlled.how == (
        "undefined: there is no published difficulty of the instructions (instruction_difficulty*.csv)"
    )
    for changed, why in ((replace(of, model="other"), "do not have this model"), (replace(of, judge="k"), "for the judge k")):
        (row,) = leaderboard([changed], published, Weights.PUBLISHED)
        assert why in row.length_controlled.how
    by_text = replace(of, ids=("how?", "why?"))
    assert "put AlpacaEval's instructions.csv beside" in replace(published, difficulty={0: 0.1}).lacks_difficulty(by_text)


def test_a_table_with_endless_column_names_is_refused_in_one_short_line(tmp_path: Path) -> None:
    folder = laid_out(tmp_path, flat=True)
    (folder / "instruction_difficulty.csv").write_text(f"index,{'[' * 50_000}\n0,1\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"instruction_difficulty.csv' has the columns index, \[\[\[") as refused:
        read_published(folder)
    assert len(str(refused.value)) < 1000
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("cell", ["nan", "inf", "", "word"])
def test_published_numbers_that_are_none_are_refused_by_row(tmp_path: Path, cell: str) -> None:
    folder = laid_out(tmp_path, flat=True)
    (folder / "lc_weights__j.csv").write_text(WEIGHTS.replace("0.8", cell), encoding="utf-8")
    with pytest.raises(InputError, match=r"lc_weights__j.csv', row 1: `instruction_difficulty`"):
        read_published(folder)


@needs_data
def test_published_weights_give_the_published_rate(published: Published, judged: dict[str, Judgments]) -> None:
    compared = 0
    for model, each in judged.items():
        row = published.row(each)
        if published.lacks_weights(each) or row is None or model == NULL_MODEL:
            continue
        compared += 1
        assert 100 * published.predictions(each).mean() == pytest.approx(
            row["length_controlled_winrate"], abs=0.02 if moved(each) else 1e-6
        )
        if "lc_standard_error" in row:
            sem = error_of_mean(published.predictions(each))["sem"]
            assert 100 * sem == pytest.approx(row["lc_standard_error"], abs=1e-9)
    assert compared > 0


@pytest.mark.slow
@needs_data
def test_the_fit_made_again_gives_the_published_rate(published: Published) -> None:
    off = []
    for each in [each for each in read_folder(ALPACA_EVAL) if published.row(each)]:
        row = published.row(each) or {}
        if "length_controlled_winrate" in row and each.model != CLOSE_CALL:
            estimate = refit(each, published, by_position=moved(each)).estimate
            assert estimate.value is not None
            off.append(abs(100 * estimate.value - row["length_controlled_winrate"]))
    assert max(off) < 0.15
    assert np.mean(np.array(off) < 0.005) > 0.7


@needs_data
def test_the_one_rate_that_is_far_off_is_published_at_the_penalty_whose_loss_is_second(published: Published) -> None:
    (of,) = (each for each in read_folder(ALPACA_EVAL, "alpaca_eval_gpt4") if each.model == CLOSE_CALL)
    row = published.row(of) or {}
    assert of.lengths_N is not None
    assert of.baseline_lengths_N is not None
    given = {"difficulty": published.difficulty, "anchor": published.anchor, "solver": liblinear, "resamples": 0}
    at = [
        length_controlled_win_rate(of.scores_N, of.ids, of.lengths_N, of.baseline_lengths_N, penalty=float(each), **given)
        for each in PENALTIES
    ]
    theirs = next(each for each in at if each.penalty == pytest.approx(1 / 21.5443469, rel=1e-6))
    assert theirs.estimate.value is not None
    assert 100 * theirs.estimate.value == pytest.approx(row["length_controlled_winrate"], abs=0.005)
    assert refit(of, published).penalty == pytest.approx(1 / 0.35938137, rel=1e-6)  # with the surrogate of the gamed baseline


@needs_data
def test_the_gamed_baseline_is_what_brings_a_gamed_model_down(published: Published, judged: dict[str, Judgments]) -> None:
    gamed = judged["gpt4_gamed"]  # published for lambda None and .2: 25.9 and 12.2
    without = refit(gamed, replace(published, anchor=None)).estimate.value
    with_it = refit(gamed, published).estimate.value
    assert without is not None
    assert with_it is not None
    assert 100 * without == pytest.approx(25.9, abs=0.1)
    assert 100 * with_it == pytest.approx(12.2, abs=0.1)


@needs_data
def test_joining_by_position_is_what_moved_the_published_rates(published: Published, judged: dict[str, Judgments]) -> None:
    faults = {each.model: each for each in join_faults(list(judged.values()), published)}
    assert set(faults) == {model for model, each in judged.items() if moved(each)}
    assert all(abs(each.by_position - each.published) < 0.02 for each in faults.values())
    if "text_davinci_001" in faults:
        fault = faults["text_davinci_001"]
        assert (fault.published, fault.by_instruction) == (pytest.approx(9.03, abs=0.01), pytest.approx(6.5, abs=0.1))


@needs_data
def test_every_published_check_is_said(published: Published, judged: dict[str, Judgments]) -> None:
    few = [judged[NULL_MODEL], judged["alpaca-7b"]]
    rows = leaderboard(few, published, Weights.FIT, resamples=0)
    found = checks(few, rows, published, ALPACA_EVAL / "published", find_instructions(ALPACA_EVAL))
    said = "\n".join(each.said for each in found)
    assert "2 of 2 as published" in said
    assert "1 of 2 within 0.02 points" in said
    assert "1 of 2 within 0.005 points, 2 within 0.15" in said
    assert "37 models: 0.9746 length-controlled, 0.9305 raw" in said
    assert "Spearman 0.9758, R2 0.8706" in said
    assert "0 off by over 1e-9" in said
