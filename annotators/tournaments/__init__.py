"""A slate ranked by an annotator of pairs, with few questions."""

from ...core.registry import Entry

TABLE = {
    "tournament": Entry("tournament:Tournament", "Wraps `inner`: ranks answers by comparing few pairs of them", "arXiv:2403.16950"),
}
