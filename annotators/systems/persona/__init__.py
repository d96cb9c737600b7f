"""Language models that judge and edit as a person would."""
