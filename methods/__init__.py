"""The methods, read top to bottom. One file each.

Traits: `starts_from` is `base` where a suite hands the method the base policy, not the SFT policy; `yields` is what `train`
returns where that is no policy.
"""

from ..core.public import public
from ..core.registry import Entry, Registry

METHODS = Registry(
    "method",
    {
        "sft": Entry(
            "pasture.methods.imitation.sft",
            "Imitate demonstrations (supervised fine-tuning)",
            "arXiv:2203.02155",
            {"starts_from": "base"},
        ),
        "binary-feedme": Entry(
            "pasture.methods.imitation.binary_feedme", "Imitate only the answers that were preferred", "arXiv:2305.14387"
        ),
        "reward-conditioning": Entry(
            "pasture.methods.imitation.reward_conditioning",
            "Learn both answers under good/bad codes, answer under good",
            "arXiv:2305.14387",
        ),
        "reward-model": Entry(
            "pasture.methods.rewards.reward_model",
            "Bradley-Terry reward model of the preferences",
            "arXiv:2009.01325",
            {"yields": "reward model"},
        ),
        "best-of-n": Entry(
            "pasture.methods.online.best_of_n", "Sample n answers, keep the reward model's favourite", "arXiv:2009.01325"
        ),
        "expert-iteration": Entry(
            "pasture.methods.imitation.expert_iteration", "Imitate one's own best-of-n answers", "arXiv:2305.14387"
        ),
        "dpo": Entry("pasture.methods.pairwise.dpo", "Direct preference optimisation on pairs", "arXiv:2305.18290"),
        "ppo": Entry("pasture.methods.online.ppo", "Policy gradient on a reward model, clipped, KL-penalised", "arXiv:1707.06347"),
        "quark": Entry(
            "pasture.methods.online.quark",
            "Learn own samples under reward-quantile codes, answer under the best",
            "arXiv:2205.13636",
        ),
    },
)


__getattr__ = public(__name__)
