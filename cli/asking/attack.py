"""`pasture audit --attacks`: whether a judge can be made to prefer an answer that is no better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...annotators.runner import Session
    from ...core.protocols import Annotator, World
    from ...eval.judges.judge_audit import AuditReport


def attacked(
    judge: Annotator,
    session: Session,
    own: str,
    world: World | None,
    outputs: Sequence[Path],
    pairs: Path | None,
    limit: int | None,
) -> tuple[AuditReport, dict[str, Any], list[str]]:
    """Attacks the judge: the report, what its JSON holds beside the rows, and lines about the models' outputs."""
    from ...benchmarks.audits.attack_material import attack_material, read_models
    from ...benchmarks.audits.audit import attack_report
    from ...benchmarks.audits.constant_outputs import constant_share, is_constant
    from ...benchmarks.audits.gaming import gaming

    files = read_models(outputs)
    shares = {maker: constant_share(answers) for maker, answers in files.items()}
    constant = [maker for maker, share in shares.items() if is_constant(share)]
    honest = {maker: each for maker, each in files.items() if maker not in constant}
    material, source = attack_material(pairs, honest if outputs else None, world, limit)
    report = gaming(judge, material, judge_model=own, world=world, seed=session.seed, session=session)
    alike = {
        maker: f"{each.value:.1%} of its outputs are alike" if each.value is not None else each.how
        for maker, each in shares.items()
    }
    lines = [f"{maker}: {words}" for maker, words in alike.items()]
    lines += [f"{maker} is a constant-answer model: leave it out of any ranking" for maker in constant]
    return attack_report(report, source), _attack_facts(report, source) | _constant_facts(shares, constant), lines


def _attack_facts(report: Any, source: str) -> dict[str, Any]:
    """The keys that 0.1 had beside the rows."""
    from ...core.results import estimate_json

    return {
        "annotator": report.annotator,
        "material": source,
        "prompts": report.prompts,
        "attacks": [
            {
                "attack": each.attack,
                "win_rate": estimate_json(each.win_rate),
                "honest": estimate_json(each.honest),
                "difference": estimate_json(each.difference),
                "gamed": each.gamed,
                "reason": each.reason,
            }
            for each in report.attacks
        ],
        "position": estimate_json(report.position.first),
    }


def _constant_facts(shares: Mapping[str, Any], constant: list[str]) -> dict[str, Any]:
    return {
        "constant_models": [{"model": maker, "share": shares[maker].value} for maker in constant],
        "models": [{"model": maker, "share": share.value, "how": share.how} for maker, share in shares.items()],
    }
