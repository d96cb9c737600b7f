"""Win rates, their differences, pass@k."""
