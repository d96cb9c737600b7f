"""One question a file, suites as TOML. The only room that wires the others."""
