"""Methods ranked: suites, cells, the ranking."""
