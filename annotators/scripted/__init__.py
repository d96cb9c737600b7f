"""Annotators by rule: they ask no engine."""

from ...core.registry import Entry

TABLE = {
    "gold": Entry("truth:Gold", "The world's true mean utility, without noise; equal utilities tie"),
    "bradley-terry": Entry("truth:BradleyTerry", "One user of the world, who chooses with noise", "doi:10.2307/2334029"),
    "pool": Entry("truth:UserPool", "The world's population: one user per pair, who chooses with noise", "arXiv:2305.14387"),
    "scripted-verdict": Entry("rated:ScriptedVerdict", "One user says which is better, how much and why", "doi:10.2307/2334029"),
    "scripted-rater": Entry(
        "rated:ScriptedRater", "One user scores each aspect, with noise; pairs and slates by the overall score"
    ),
    "scripted-ranker": Entry("rated:ScriptedRanker", "One user ranks a slate, as Plackett and Luce have it", "doi:10.2307/2346567"),
    "scripted-critic": Entry("worded:ScriptedCritic", "Says what a user finds wrong, and where; misses and invents at set rates"),
    "scripted-editor": Entry("worded:ScriptedEditor", "Repairs what a user of the world finds wrong"),
    "scripted-directive": Entry("worded:ScriptedDirectives", "Says the rule behind a user's worst fault, or the user's taste"),
    "scripted-reaction": Entry("worded:ScriptedReactions", "Thumbs and emoji, mostly silence; a share may be adversarial"),
    "scripted-follow-up": Entry("worded:ScriptedFollowUps", "What a user of the world writes next: thanks, or what is wrong"),
    "longest": Entry("rules:Longest", "The longer answer, in characters"),
    "first": Entry("rules:First", "The answer that is shown first: a control for position bias"),
    "spammer": Entry("rules:Spammer", "Does not read: at random, always the first, last, longer or shorter answer"),
}
