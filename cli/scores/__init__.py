"""Commands that compare what was judged."""
