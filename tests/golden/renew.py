"""Store the present results as the golden ones: `python tests/golden/renew.py [--only NAME...]`."""

from __future__ import annotations

import argparse
import json
import sys

import golden
from cases import CASES


def main() -> None:
    """Renew all documents, those of some names, or those of the default test suite."""
    known = [golden.SMALL, *golden.SHIPPED, *CASES]
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--only", nargs="+", metavar="NAME", help="scenarios and cases")
    reader.add_argument("--quick", action="store_true", help="those of the default suite")
    options = reader.parse_args()
    quick = [golden.SMALL, *(name for name, case in CASES.items() if not case.slow)]
    names = options.only or (quick if options.quick else known)
    if unknown := set(names) - set(known):
        reader.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    machine = golden.DATA / "machine.json"
    if options.only and machine.is_file() and (unlike := golden.unlike_lines()):
        reader.error(f"the others are of another machine ({'; '.join(unlike)}): renew all")
    machine.parent.mkdir(exist_ok=True)
    machine.write_text(json.dumps(golden.machine(), indent=1) + "\n")
    failed: list[str] = []
    for name, text in golden.ask(
        [name for name in names if name not in CASES], [name for name in names if name in CASES]
    ):
        before = golden.stored(name)
        if golden.UNEXPECTED in text:
            failed.append(name)
            print(f"not stored: {golden.differences(name, before or '', text)}")
        elif before != text:
            golden.store(name, text)
            print(golden.differences(name, before, text) if before is not None else f"new {name}")
    if not options.only and not options.quick:
        _drop_unknown(known)
    if failed:
        sys.exit(f"{len(failed)} failed: {', '.join(failed)}")


def _drop_unknown(known: list[str]) -> None:
    """Delete what was stored of cases and scenarios that are no more."""
    for path in (*golden.DATA.glob("cases/*"), *golden.DATA.glob("worlds/*/*")):
        name = path.parent.name if path.parent.parent.name == "worlds" else path.name
        if name.removesuffix(".gz") not in known:
            path.unlink()
            print(f"dropped {name}")


if __name__ == "__main__":
    main()
