"""Methods that sample, and are scored by a reward model."""
