"""Annotators of the literature, one system per file or folder."""

from ...core.registry import Entry

TABLE = {
    "cdr": Entry("cdr:Cdr", "The log-density ratio of a strong and a weak model, served by one engine", "arXiv:2411.02481"),
    "cdr-policies": Entry(
        "cdr:CdrPolicies", "The same of two policies or checkpoint folders, without an engine", "arXiv:2411.02481"
    ),
    "self-reference": Entry(
        "self_reference:SelfReference", "Answers first, and compares both answers with its own", "arXiv:2406.11190"
    ),
    "judge-jury-debate": Entry(
        "judge_jury_debate:JudgeJuryDebate", "A judge, a jury or a debate, by `arrangement`", "arXiv:2408.08688"
    ),
    "rlhs": Entry("rlhs:Rlhs", "A language model simulates what comes of each answer, and then judges", "arXiv:2501.08617"),
    "alpaca-eval-config": Entry(
        "alpaca_eval.config:AlpacaEvalConfig", "AlpacaEval's configs.yaml and its prompts", "arXiv:2404.04475"
    ),
    "persona": Entry("persona.judge:PersonaJudge", "A language model judges as sampled people would", "arXiv:2407.17387"),
    "persona-editor": Entry("persona.editor:PersonaEditor", "A language model edits as a sampled person would", "arXiv:2407.17387"),
    "janus": Entry(
        "janus:Janus", "A language model judges by a combination of values, or scores by a rubric of them", "arXiv:2405.17977"
    ),
    "hh-rlhf": Entry(
        "hh_rlhf:HelpfulHarmless", "A language model judges helpful against harmless, or a mixture", "arXiv:2204.05862"
    ),
    "icai": Entry("icai.judge:Icai", "A language model follows a constitution, given or extracted", "arXiv:2406.06560"),
    "cipher": Entry(
        "cipher:EditingUser", "A user who edits; of two answers prefers the one that costs fewer edits", "arXiv:2404.15269"
    ),
    "fine-grained-rlhf": Entry(
        "fine_grained:FineGrained", "A language model marks errors by category and place", "arXiv:2306.01693"
    ),
    "foresight": Entry("rlhs:Foresight", "A world's user who judges by looks, before any outcome", "arXiv:2501.08617"),
    "hindsight": Entry("rlhs:Hindsight", "A world's user who judges after the outcome", "arXiv:2501.08617"),
    "alpacafarm": Entry(
        "alpacafarm:AlpacaFarm", "13 prompted judges, one drawn per pair; training labels are noisy", "arXiv:2305.14387"
    ),
    "hyper-routing": Entry(
        "hyper_routing.router:HyperRouting", "Asks the expensive second of `members` where it pays", "arXiv:2410.19133"
    ),
}
