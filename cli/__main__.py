"""`python -m pasture.cli`."""

from . import main

main()
