"""Where compiled kernels are kept.

numba notices an edit in the file of a kernel, but not one elsewhere. The folder
is therefore named by a hash of all kernel sources: an edit anywhere opens a
new folder, and what is found in a folder is never stale.
"""

from __future__ import annotations

import os
import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path


@cache
def cache_folder() -> Path:
    """Return the folder of the compiled kernels, which exists and can be written."""
    name = f"kernels-{source_hash()}"
    for base in _bases():
        folder = base / name
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError:  # a read-only home
            continue
        if _is_ours(folder):
            return folder
    return Path(tempfile.mkdtemp(prefix=f"computesim-{name}-"))


def source_hash() -> str:
    """Return a short hash of all that compiled kernels depend on and numba does not notice."""
    here = Path(__file__).parent
    digest = sha256(os.environ.get("NUMBA_BOUNDSCHECK", "").encode())  # other machine code
    for path in [
        *sorted((here / "kernels").glob("*.py")),
        here / "fluid.py",
        here / "service.py",
        here / "records.py",
    ]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _bases() -> list[Path]:
    """Return the places to try, the user's wish first."""
    wish = os.environ.get("NUMBA_CACHE_DIR")
    shared = os.environ.get("XDG_CACHE_HOME")
    home = Path(os.path.expanduser("~"))  # Path.home() raises where there is no home
    return [
        *([Path(wish)] if wish else []),
        (Path(shared) if shared else home / ".cache") / "computesim",
        Path(tempfile.gettempdir()) / "computesim",
    ]


def _is_ours(folder: Path) -> bool:
    """Tell whether nobody else can have put machine code into a folder."""
    status = folder.stat()
    if not hasattr(os, "getuid"):  # Windows: the user's folders are private
        return True
    return status.st_uid == os.getuid() and not status.st_mode & 0o022
