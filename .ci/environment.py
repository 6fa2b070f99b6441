"""Make a virtual environment with pip in it, with nothing but the standard library.

Debian splits `ensurepip` off into python3-venv, so that `python3 -m venv` fails
on a fresh machine. The environment is then made without pip, and pip is brought
from the package index, as a wheel, which is able to install itself.

Usage: python3 .ci/environment.py FOLDER
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import venv
from pathlib import Path

INDEX = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")
WHEEL = re.compile(r'href="([^"]*/(pip-(\d+(?:\.\d+)+)-py3-none-any\.whl)[^"]*)"([^>]*)')


def pip_wheel(folder: Path) -> Path:
    """Download the newest pip wheel into `folder`.

    The HTML form of the index is read, which every index and mirror serves.
    """
    page = f"{INDEX}/pip/"
    request = urllib.request.Request(page, headers={"Accept": "text/html"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        links = WHEEL.findall(answer.read().decode())
    usable = [link for link in links if "data-yanked" not in link[3]]
    if not usable:
        raise ValueError("the index lists no wheel of pip")
    newest = max(usable, key=lambda link: [int(part) for part in link[2].split(".")])
    target = folder / newest[1]
    with urllib.request.urlopen(urllib.parse.urljoin(page, newest[0]), timeout=60) as answer:
        target.write_bytes(answer.read())
    return target


def main(folder: Path) -> None:
    """Make the environment, and leave nothing behind when that fails."""
    if sys.version_info < (3, 11):  # noqa: UP036 - it runs before anything checks the version
        sys.exit(f"computesim needs Python 3.11 or newer; this is {sys.version.split()[0]}")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        venv.create(folder, with_pip=False)
    else:
        venv.create(folder, with_pip=True)
        return
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    try:
        with tempfile.TemporaryDirectory() as scratch:
            wheel = pip_wheel(Path(scratch))
            subprocess.run([python, f"{wheel}/pip", "install", "-q", wheel], check=True)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        sys.exit(f"no pip could be brought from {INDEX} ({error}); apt-get install python3-venv")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
