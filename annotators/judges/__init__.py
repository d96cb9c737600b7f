"""One language model that is asked once: an annotator for each kind of feedback."""

from ...core.registry import Entry

TABLE = {
    "judge": Entry("judge:Judge", "A language model says which answer is better, by its label probabilities", "arXiv:2306.05685"),
    "verdict": Entry(
        "verdict:PromptedVerdict", "A language model compares in words, then says A, B, tie or neither", "arXiv:2306.05685"
    ),
    "likelihood": Entry("likelihood:Likelihood", "A language model prefers what it finds likelier per token; best for tiny models"),
    "ultrafeedback": Entry(
        "rater:UltraFeedback", "A language model scores four aspects, with reasons and a critique", "arXiv:2310.01377"
    ),
    "helpsteer2": Entry(
        "rater:HelpSteer2", "A language model scores five attributes, by raters who must agree", "arXiv:2406.08673"
    ),
    "ranker": Entry("ranker:PromptedRanker", "A language model orders a slate, best first"),
    "critic": Entry(
        "critic:PromptedCritic", "A language model says what is good and bad about an answer, and where", "arXiv:2206.05802"
    ),
    "editor": Entry("editor:PromptedEditor", "A language model critiques an answer and then rewrites it", "arXiv:2206.05802"),
    "directives": Entry("directives:PromptedDirectives", "A language model says the rule that would have made an answer better"),
    "reactions": Entry("reactions:PromptedReactions", "A language model reacts to an answer with one sign, silence included"),
    "follow-up": Entry("follow_ups:PromptedFollowUps", "A language model writes what a user says next"),
}
