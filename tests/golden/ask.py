"""The process that asks: `ask.py FOLDER NAME...`, in a folder that holds the inputs."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    # the package of this work tree, whichever one is installed
    sys.path[:0] = [str(HERE), str(HERE.parents[1])]
    from golden import answer

    answer(sys.argv[2:], Path(sys.argv[1]))
