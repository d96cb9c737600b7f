"""A slate ranked by an annotator of pairs, with few questions."""
