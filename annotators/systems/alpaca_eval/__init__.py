"""AlpacaEval's configurations and its parsers."""
