"""Findings of the literature, each a command that can fail: `pasture claims list`, `pasture claims run ID`.

The summary is what is claimed, the paper is who claims it; `claim.py` is the contract.
"""

from ...core.registry import Entry, Registry

CLAIMS = Registry(
    "claim",
    {
        "hindsight": Entry(
            "pasture.benchmarks.claims.hindsight:CLAIM",
            "Feedback in hindsight trains a truly better policy than feedback in foresight, and the more so the harder it trains",
            "arXiv:2501.08617",
        ),
        "cipher": Entry(
            "pasture.benchmarks.claims.cipher:CLAIM",
            "Learning preferences from a user's edits, by context, saves edits: against no learning, and against no contexts",
            "arXiv:2404.15269",
        ),
        "hyper-routing": Entry(
            "pasture.benchmarks.claims.hyper_routing:CLAIM",
            "Labels routed to the better annotator where they gain most train a better reward model than labels routed at random",
            "arXiv:2410.19133",
        ),
        "over-optimisation": Entry(
            "pasture.benchmarks.claims.over_optimisation:CLAIM",
            "Optimised ever harder against a learned reward, gold rises and then falls, by best-of-n and under a KL penalty",
            "arXiv:2210.10760",
        ),
        "worst-of-ensemble": Entry(
            "pasture.benchmarks.claims.over_optimisation:WORST_OF_ENSEMBLE",
            "The worst of an ensemble of rewards loses less gold than one reward does, when optimised to the end",
            "arXiv:2310.02743",
        ),
        "persona-revision": Entry(
            "pasture.benchmarks.claims.persona_bench:CLAIM",
            "An answer revised for one person pleases that person more than it pleases others",
            "arXiv:2407.17387",
        ),
    },
)
