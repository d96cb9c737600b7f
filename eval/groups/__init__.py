"""Groups that disagree: pluralism, distributions, steerability."""
