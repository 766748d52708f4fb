"""`python -m shouwang` is the same as `shouwang`."""

from shouwang.cli import main

main()
