"""Several annotators, or several turns, behind one verdict."""
