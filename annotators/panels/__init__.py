"""Several annotators, or several turns, behind one verdict."""

from ...core.registry import Entry

TABLE = {
    "debate": Entry("debate:Debate", "A language model argues for each answer, and then judges", "arXiv:1805.00899"),
    "review-loop": Entry("review_loop:ReviewLoop", "A reviewer and a writer take turns for some `rounds`", "arXiv:2408.08688"),
    "mixture": Entry("mixture:Pool", "Wraps `members`: asks one of them per pair, drawn at random", "arXiv:2305.14387"),
    "jury": Entry("jury:Jury", "Wraps `members`: asks all of them; majority or mean", "arXiv:2404.18796"),
    "on-model": Entry("jury:OnModel", "Wraps `inner`: asks one model of an engine that serves several"),
}
