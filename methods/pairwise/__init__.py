"""Methods that learn from pairs directly."""
