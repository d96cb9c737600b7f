"""Who is asked: the table of annotators, read top to bottom, and `make_annotator` for those and for a user's own."""

from ..core.registry import Entry, Registry

_HERE = "pasture.annotators"

ANNOTATORS = Registry(
    "annotator",
    {
        # a language model judges pairs
        "judge": Entry(
            f"{_HERE}.judges.judge:Judge",
            "A language model says which answer is better; read from its label probabilities",
            "arXiv:2306.05685",
            {"engine": True, "symmetric": False},
        ),
        "verdict": Entry(
            f"{_HERE}.judges.kinds:Verdict",
            "A language model compares in words, then says A, B, tie or neither, and how strongly",
            "arXiv:2306.05685",
            {"engine": True, "symmetric": False},
        ),
        "likelihood": Entry(
            f"{_HERE}.judges.likelihood:Likelihood",
            "A language model prefers what it finds likelier a token; best for tiny models",
            traits={"engine": True, "symmetric": True},
        ),
        "cdr": Entry(
            f"{_HERE}.systems.cdr:Cdr",
            "The log-density ratio of a strong and a weak model, served by one engine",
            "arXiv:2411.02481",
            {"engine": True, "symmetric": True},
        ),
        "cdr-policies": Entry(
            f"{_HERE}.systems.cdr:CdrPolicies",
            "The same of two policies or checkpoint folders, without an engine",
            "arXiv:2411.02481",
            {"symmetric": True},
        ),
        "self-reference": Entry(
            f"{_HERE}.systems.self_reference:SelfReference",
            "A language model answers first, and holds both answers against that",
            "arXiv:2406.11190",
            {"engine": True, "symmetric": True},
        ),
        "debate": Entry(
            f"{_HERE}.panels.debate:Debate",
            "A language model argues for each answer, and judges after it heard both",
            "arXiv:1805.00899",
            {"engine": True, "symmetric": False},
        ),
        "judge-jury-debate": Entry(
            f"{_HERE}.systems.judge_jury_debate:JudgeJuryDebate",
            "A judge, a jury or a debate, by `arrangement`",
            "arXiv:2408.08688",
            {"engine": True, "symmetric": False},
        ),
        "rlhs": Entry(
            f"{_HERE}.systems.rlhs:Rlhs",
            "A language model simulates what comes of each answer, and then judges",
            "arXiv:2501.08617",
            {"engine": True, "symmetric": False},
        ),
        "alpaca-eval-config": Entry(
            f"{_HERE}.systems.alpaca_eval.config:AlpacaEvalConfig",
            "AlpacaEval's configs.yaml with its prompt file; several evaluators in it are a pool",
            "arXiv:2404.04475",
            {"engine": True, "symmetric": True},
        ),
        # people, values and principles
        "persona": Entry(
            f"{_HERE}.systems.persona.judge:PersonaJudge",
            "A language model judges as sampled people would, told of them in one of four ways",
            "arXiv:2407.17387",
            {"engine": True, "symmetric": False},
        ),
        "persona-editor": Entry(
            f"{_HERE}.systems.persona.editor:PersonaEditor",
            "A language model critiques and revises an answer as a sampled person would like it",
            "arXiv:2407.17387",
            {"engine": True, "item": "answer", "gives": "a revision of an answer"},
        ),
        "janus": Entry(
            f"{_HERE}.systems.janus:Janus",
            "A language model judges by a combination of values, or scores an answer by a rubric of them",
            "arXiv:2405.17977",
            {"engine": True, "symmetric": False},
        ),
        "hh-rlhf": Entry(
            f"{_HERE}.systems.hh_rlhf:HelpfulHarmless",
            "A language model judges helpful against harmless, or a mixture of both",
            "arXiv:2204.05862",
            {"engine": True, "symmetric": False},
        ),
        "icai": Entry(
            f"{_HERE}.systems.icai.judge:Icai",
            "A language model follows a constitution, given or extracted from preferences",
            "arXiv:2406.06560",
            {"engine": True, "symmetric": False},
        ),
        "cipher": Entry(
            f"{_HERE}.systems.cipher:EditingUser",
            "A user who edits: a revision of an answer; of two, the one that costs fewer edits",
            "arXiv:2404.15269",
            {"symmetric": True},
        ),
        # a language model says something else of answers
        "ultrafeedback": Entry(
            f"{_HERE}.judges.rater:UltraFeedback",
            "A language model scores an answer on four aspects, with reasons and a critique; pairs and slates by the scores",
            "arXiv:2310.01377",
            {"engine": True, "item": "answer"},
        ),
        "helpsteer2": Entry(
            f"{_HERE}.judges.rater:HelpSteer2",
            "A language model scores five attributes from 0 to 4, by raters who must agree; pairs by the scores",
            "arXiv:2406.08673",
            {"engine": True, "item": "answer"},
        ),
        "fine-grained-rlhf": Entry(
            f"{_HERE}.systems.fine_grained:FineGrained",
            "A language model marks errors by category and place; pairs by their weights",
            "arXiv:2306.01693",
            {"engine": True, "item": "answer"},
        ),
        "ranker": Entry(
            f"{_HERE}.judges.kinds:Ranker", "A language model orders a slate, best first", traits={"engine": True, "item": "slate"}
        ),
        "critic": Entry(
            f"{_HERE}.judges.kinds:Critic",
            "A language model says what is good and bad about an answer, and where",
            "arXiv:2206.05802",
            {"engine": True, "item": "answer", "gives": "a critique of an answer"},
        ),
        "editor": Entry(
            f"{_HERE}.judges.kinds:Editor",
            "A language model critiques an answer and then rewrites it",
            "arXiv:2206.05802",
            {"engine": True, "item": "answer", "gives": "a revision of an answer"},
        ),
        "review-loop": Entry(
            f"{_HERE}.panels.review_loop:ReviewLoop",
            "A reviewer and a writer take turns, for `rounds`: critique, rewrite, and again",
            "arXiv:2408.08688",
            {"engine": True, "item": "answer", "gives": "a revision of an answer"},
        ),
        "directives": Entry(
            f"{_HERE}.judges.kinds:Directives",
            "A language model says the rule that would have made an answer better",
            traits={"engine": True, "item": "answer", "gives": "a rule about answers"},
        ),
        "reactions": Entry(
            f"{_HERE}.judges.kinds:Reactions",
            "A language model reacts to an answer with one sign, silence included",
            traits={"engine": True, "item": "answer", "gives": "a sign about an answer"},
        ),
        "follow-up": Entry(
            f"{_HERE}.judges.kinds:FollowUps",
            "A language model writes what a user says next",
            traits={"engine": True, "item": "answer", "gives": "what a user says after an answer"},
        ),
        # those who know a world's truth
        "gold": Entry(
            f"{_HERE}.scripted.truth:Gold",
            "The world's true mean utility, without noise; equal utilities tie",
            traits={"world": True, "symmetric": True},
        ),
        "bradley-terry": Entry(
            f"{_HERE}.scripted.truth:BradleyTerry",
            "One user of the world, who chooses with noise",
            "doi:10.2307/2334029",
            {"world": True, "symmetric": True},
        ),
        "pool": Entry(
            f"{_HERE}.scripted.truth:UserPool",
            "The world's population: one of its users, drawn a pair, who chooses with noise",
            "arXiv:2305.14387",
            {"world": True, "symmetric": True},
        ),
        "foresight": Entry(
            f"{_HERE}.systems.rlhs:Foresight",
            "A world's user who judges by looks, before any outcome",
            "arXiv:2501.08617",
            {"world": True, "symmetric": True},
        ),
        "hindsight": Entry(
            f"{_HERE}.systems.rlhs:Hindsight",
            "A world's user who judges after the outcome",
            "arXiv:2501.08617",
            {"world": True, "symmetric": True},
        ),
        "scripted-verdict": Entry(
            f"{_HERE}.scripted.rated:Verdict",
            "One user of the world says which is better, how much and why; ties, and neither",
            "doi:10.2307/2334029",
            {"world": True, "symmetric": True},
        ),
        "scripted-rater": Entry(
            f"{_HERE}.scripted.rated:Rater",
            "One user of the world scores each aspect, with noise; pairs and slates by the overall score",
            traits={"world": True, "item": "answer"},
        ),
        "scripted-ranker": Entry(
            f"{_HERE}.scripted.rated:Ranker",
            "One user of the world ranks a slate, as Plackett and Luce have it",
            "doi:10.2307/2346567",
            {"world": True, "item": "slate"},
        ),
        "scripted-critic": Entry(
            f"{_HERE}.scripted.worded:Critic",
            "Says what a user of the world finds wrong and where; misses and invents at set rates",
            traits={"world": True, "item": "answer", "gives": "a critique of an answer"},
        ),
        "scripted-editor": Entry(
            f"{_HERE}.scripted.worded:Editor",
            "Mends what a user of the world finds wrong",
            traits={"world": True, "item": "answer", "gives": "a revision of an answer"},
        ),
        "scripted-directive": Entry(
            f"{_HERE}.scripted.worded:Directives",
            "Says the rule behind the worst fault, or the taste, of a user of the world",
            traits={"world": True, "item": "answer", "gives": "a rule about answers"},
        ),
        "scripted-reaction": Entry(
            f"{_HERE}.scripted.worded:Reactions",
            "Thumbs and emoji, mostly silence; a share may be adversarial",
            traits={"world": True, "item": "answer", "gives": "a sign about an answer"},
        ),
        "scripted-follow-up": Entry(
            f"{_HERE}.scripted.worded:FollowUps",
            "What a user of the world writes next: thanks, or what is wrong",
            traits={"world": True, "item": "answer", "gives": "what a user says after an answer"},
        ),
        # rules and controls
        "longest": Entry(f"{_HERE}.scripted.rules:Longest", "The longer answer, in characters", traits={"symmetric": True}),
        "first": Entry(
            f"{_HERE}.scripted.rules:First", "Whichever is shown first: a control for position bias", traits={"symmetric": False}
        ),
        "spammer": Entry(
            f"{_HERE}.scripted.rules:Spammer",
            "Does not read: at random, always the first, last, longer or shorter answer",
            traits={"symmetric": True},
        ),
        # several together
        "alpacafarm": Entry(
            f"{_HERE}.systems.alpacafarm:AlpacaFarm",
            "A pool of 13 prompted judges of whom one is drawn a pair; training labels are flipped at .25",
            "arXiv:2305.14387",
            {"engine": True, "symmetric": True},
        ),
        "mixture": Entry(
            f"{_HERE}.panels.mixture:Pool",
            "Wraps `members`: asks one of them a pair, drawn at random",
            "arXiv:2305.14387",
            {"members": True, "symmetric": True},
        ),
        "jury": Entry(
            f"{_HERE}.panels.jury:Jury",
            "Wraps `members`: asks all of them; majority or mean",
            "arXiv:2404.18796",
            {"members": True, "symmetric": True},
        ),
        "hyper-routing": Entry(
            f"{_HERE}.systems.hyper_routing.router:HyperRouting",
            "Asks the second of two `members`, the expensive one, where a fitted router expects most of it, under a budget",
            "arXiv:2410.19133",
            {"members": True, "symmetric": True},
        ),
        # wrappers
        "swap": Entry(
            f"{_HERE}.wrappers.swap:Swap",
            "Wraps `inner`: asks in both orders and averages",
            "arXiv:2305.17926",
            {"wraps": True, "symmetric": True},
        ),
        "on-model": Entry(
            f"{_HERE}.panels.jury:OnModel",
            "Wraps `inner`: asks one model of an engine that serves several",
            traits={"wraps": True, "symmetric": True},
        ),
        "temperature": Entry(
            f"{_HERE}.wrappers.temperature:Temperature",
            "Wraps `inner`: divides its log-odds, sharper below 1 and flatter above",
            traits={"wraps": True, "symmetric": True},
        ),
        "sample": Entry(
            f"{_HERE}.wrappers.temperature:Sample",
            "Wraps `inner`: a hard label drawn from its soft one",
            traits={"wraps": True, "symmetric": True},
        ),
        "flip": Entry(
            f"{_HERE}.wrappers.flip:Flip",
            "Wraps `inner`: inverts its label at `rate`, and buys none that noise decides",
            "arXiv:2305.14387",
            {"wraps": True, "symmetric": True},
        ),
        "flip-by-length": Entry(
            f"{_HERE}.wrappers.flip:FlipByLength",
            "Wraps `inner`: flips a verdict for the longer and the shorter answer at different rates",
            traits={"wraps": True, "symmetric": True},
        ),
        "flip-by-position": Entry(
            f"{_HERE}.wrappers.flip:FlipByPosition",
            "Wraps `inner`: flips a verdict for the first and the second answer at different rates",
            traits={"wraps": True, "symmetric": False},
        ),
        "flip-by-closeness": Entry(
            f"{_HERE}.wrappers.flip:FlipByCloseness",
            "Wraps `inner`: flips close pairs most, by the world's true utilities",
            traits={"wraps": True, "world": True, "symmetric": True},
        ),
        "flip-by-annotator": Entry(
            f"{_HERE}.wrappers.flip:FlipByAnnotator",
            "Wraps `inner`: each member of a pool errs at its own rate, of `rates`",
            traits={"wraps": True, "symmetric": True},
        ),
        "flip-by-prompt": Entry(
            f"{_HERE}.wrappers.flip:FlipByPrompt",
            "Wraps `inner`: flips that are correlated across the pairs of one prompt",
            traits={"wraps": True, "symmetric": True},
        ),
        "lapse": Entry(
            f"{_HERE}.wrappers.flip:Lapse",
            "Wraps `inner`: at `rate` a fair coin answers, and nobody is asked",
            traits={"wraps": True, "symmetric": True},
        ),
        "drift": Entry(
            f"{_HERE}.wrappers.drift:Drift",
            "Wraps `inner`: its flip rate and its temperature move with time, which a `clock` gives",
            traits={"wraps": True, "symmetric": True},
        ),
        "biased": Entry(
            f"{_HERE}.wrappers.biased:Biased",
            "Wraps `inner`: plants a position and a length bias, in log-odds",
            "arXiv:2306.05685",
            {"wraps": True, "symmetric": False},
        ),
        "rationed": Entry(
            f"{_HERE}.wrappers.rationed:Rationed",
            "Wraps `inner`: a budget of its own; what does not fit abstains as over budget",
            traits={"wraps": True, "symmetric": True},
        ),
    },
)
"""Traits: `engine` asks a language model; `world` needs a world; `wraps` needs `inner` and `members` a list of annotators;
`symmetric` obeys the swap law under every seed (a wrapper: if what it wraps does); `item` is what it reads first where that is
no pair: `answer` or `slate`; `gives` is what it says, of those who never say which of two is better."""


from .make import make_annotator  # noqa: E402 (it reads the table)

__all__ = ["ANNOTATORS", "make_annotator"]
