"""Inverse constitutional AI: principles drawn out of labels, and a judge by them."""
