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
from pasture.eval.leaderboards.published import Published, from_published_weights, published_folds, read_published, refit
from pasture.eval.leaderboards.reproduction import checks, join_faults

DATA = Path(__file__).parents[4] / "shared/data/alpaca_eval"
JUDGE = "weighted_alpaca_eval_gpt4_turbo"
NULL_MODEL = "NullModel"  # its published value is of another penalty than its published weights
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"AlpacaEval's judgments are not at {DATA}")


@pytest.fixture(scope="module")
def published() -> Published:
    return read_published(DATA / "published")


@pytest.fixture(scope="module")
def judged() -> dict[str, Judgments]:
    return {each.model: each for each in read_folder(DATA, JUDGE)}


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
    assert from_published_weights(of, found) is None
    assert found.row(of) is None
    with pytest.raises(InputError, match="no published instruction difficulty"):
        refit(of, found)


def test_weights_without_their_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "lc_weights__j.csv").write_text(",length\nm,1\n", encoding="utf-8")
    with pytest.raises(InputError, match="lacks one of the columns"):
        read_published(tmp_path)


@needs_data
def test_published_weights_give_the_published_rate(published: Published, judged: dict[str, Judgments]) -> None:
    compared = 0
    for model, each in judged.items():
        value, row = from_published_weights(each, published), published.row(each)
        if value is None or row is None or model == NULL_MODEL:
            continue
        compared += 1
        assert 100 * value == pytest.approx(row["length_controlled_winrate"], abs=0.02 if moved(each) else 1e-6)
    assert compared > 0


@needs_data
def test_the_fit_made_again_gives_the_published_rate(published: Published) -> None:
    off = []
    for each in [each for each in read_folder(DATA) if published.row(each)]:
        row = published.row(each) or {}
        if "length_controlled_winrate" in row and each.model != "llama-2-chat-7b-evol70k-neft":  # 3.95 off, unexplained
            estimate = refit(each, published, by_position=moved(each)).estimate
            assert estimate.value is not None
            off.append(abs(100 * estimate.value - row["length_controlled_winrate"]))
    assert max(off) < 0.15
    assert np.mean(np.array(off) < 0.005) > 0.7


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
    found = checks(few, rows, published, DATA / "published", find_instructions(DATA))
    said = "\n".join(each.said for each in found)
    assert "2 of 2 as published" in said
    assert "1 of 2 within 0.02 points" in said
    assert "1 of 2 within 0.005 points, 2 within 0.15" in said
    assert "37 models: 0.9746 length-controlled, 0.9305 raw" in said
    assert "Spearman 0.9758, R2 0.8706" in said
    assert "0 off by over 1e-9" in said
