"""Commands that ask annotators."""
