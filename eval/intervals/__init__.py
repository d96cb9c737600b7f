"""Standard errors, intervals, power, many tests at once."""
