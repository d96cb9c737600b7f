"""Files of verdicts, battles and published tables."""
