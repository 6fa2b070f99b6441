"""Make a virtual environment with pip in it, with nothing but the standard library.

Debian splits `ensurepip` off into python3-venv, so that `python3 -m venv` fails
on a fresh machine. The environment is then made without pip, and pip is brought
from the package index, as a wheel, which is able to install itself.

Usage: python3 .ci/environment.py FOLDER
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import venv
from pathlib import Path

INDEX = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple")


def pip_wheel(folder: Path) -> Path:
    """Download the newest pip wheel that runs on this Python into `folder`."""
    page = INDEX.rstrip("/") + "/pip/"
    request = urllib.request.Request(
        page, headers={"Accept": "application/vnd.pypi.simple.v1+json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        files = json.load(answer)["files"]
    wheels = [f for f in files if f["filename"].endswith(".whl") and not f.get("yanked")]
    stable = [f for f in wheels if all(p.isdigit() for p in f["filename"].split("-")[1].split("."))]
    newest = max(stable, key=lambda f: [int(p) for p in f["filename"].split("-")[1].split(".")])
    target = folder / newest["filename"]
    with urllib.request.urlopen(urllib.parse.urljoin(page, newest["url"]), timeout=60) as answer:
        target.write_bytes(answer.read())
    return target


def main(folder: Path) -> None:
    """Make the environment, and leave nothing behind when that fails."""
    if sys.version_info < (3, 11):
        sys.exit(f"computesim needs Python 3.11 or newer; this is {sys.version.split()[0]}")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        import ensurepip  # noqa: F401

        venv.create(folder, with_pip=True)
        return
    except ImportError:
        venv.create(folder, with_pip=False)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    try:
        with tempfile.TemporaryDirectory() as scratch:
            wheel = pip_wheel(Path(scratch))
            subprocess.run([python, f"{wheel}/pip", "install", "-q", wheel], check=True)
    except (OSError, ValueError, KeyError, subprocess.CalledProcessError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        sys.exit(f"no pip could be brought from {INDEX} ({error}); apt-get install python3-venv")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
