"""Annotators of the literature, one system a file or folder."""
