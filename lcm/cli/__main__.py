"""`python -m lcm.cli` is `lcm`."""

from lcm.cli import main

main()
