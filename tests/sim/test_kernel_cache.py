"""Where compiled kernels are kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from computesim.sim import kernel_cache


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    kernel_cache.cache_folder.cache_clear()
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    yield monkeypatch
    kernel_cache.cache_folder.cache_clear()


def test_the_folder_is_under_the_users_cache_and_named_by_the_sources(fresh, tmp_path) -> None:
    folder = kernel_cache.cache_folder()
    name = f"kernels-{kernel_cache.source_hash()}"
    assert folder == tmp_path / "home" / ".cache" / "computesim" / name
    assert folder.is_dir()


def test_xdg_and_numba_settings_are_respected(fresh, tmp_path) -> None:
    fresh.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert kernel_cache.cache_folder().parent == tmp_path / "xdg" / "computesim"
    kernel_cache.cache_folder.cache_clear()
    fresh.setenv("NUMBA_CACHE_DIR", str(tmp_path / "numba"))
    assert kernel_cache.cache_folder().parent == tmp_path / "numba"


def test_a_home_that_cannot_be_written_leads_to_the_temporary_folder(fresh, tmp_path) -> None:
    (tmp_path / "home").write_text("a file, in which no folder can be made")
    fresh.setattr(kernel_cache.tempfile, "tempdir", str(tmp_path))
    assert kernel_cache.cache_folder().parent == tmp_path / "computesim"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="POSIX permissions")
def test_a_folder_that_others_can_write_is_not_trusted(fresh, tmp_path) -> None:
    shared = tmp_path / "home" / ".cache" / "computesim"
    (shared / f"kernels-{kernel_cache.source_hash()}").mkdir(parents=True)
    (shared / f"kernels-{kernel_cache.source_hash()}").chmod(0o777)
    fresh.setattr(kernel_cache.tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    assert kernel_cache.cache_folder().is_relative_to(tmp_path / "tmp")


def test_the_hash_follows_the_sources(monkeypatch, tmp_path) -> None:
    room = Path(kernel_cache.__file__).parent
    copy = tmp_path / "sim"
    (copy / "kernels").mkdir(parents=True)
    others = [room / name for name in ("fluid.py", "service.py", "records.py")]
    for source in [*(room / "kernels").glob("*.py"), *others]:
        (copy / source.relative_to(room)).write_bytes(source.read_bytes())
    before = kernel_cache.source_hash()
    monkeypatch.setenv("NUMBA_BOUNDSCHECK", "7")
    assert kernel_cache.source_hash() != before  # or unchecked code would be found
    monkeypatch.undo()
    monkeypatch.setattr(kernel_cache, "__file__", str(copy / "kernel_cache.py"))
    assert kernel_cache.source_hash() == before
    with (copy / "kernels" / "serve.py").open("a") as file:
        file.write("# an edit\n")
    assert kernel_cache.source_hash() != before


def test_importing_the_engine_imports_neither_numba_nor_simpy_nor_scipy() -> None:
    code = (
        "import sys, computesim.sim.engine, computesim.sim.capacity, computesim.sim.trace;"
        "print([n for n in ('numba', 'simpy', 'scipy', 'pandas', 'pyarrow') if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_other_users_of_numba_keep_their_cache_folder() -> None:
    numba = pytest.importorskip("numba")
    folder = numba.config.CACHE_DIR
    import computesim.sim.kernels  # noqa: F401

    assert folder == numba.config.CACHE_DIR
