"""Annotators of the literature, one system per file or folder."""
