"""Which workers' labels to believe."""
