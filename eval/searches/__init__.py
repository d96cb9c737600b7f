"""Rankings from few questions."""
