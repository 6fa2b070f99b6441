"""`python -m computesim` is the command `computesim`."""

from computesim.cli import main

if __name__ == "__main__":
    main()
