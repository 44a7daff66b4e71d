"""Prints the part of requirements.lock that is needed to run paramedic (or, with `build`, to build it), hashes and all.

The lock also holds what developers need; an image must not. Who needs what stands in the lock itself, as `# via` lines, and
pip, which is told to check hashes, refuses to install if anything were missing.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

_ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
_VIA = re.compile(r"^    #(?: via)? {1,3}([A-Za-z0-9._-]+)$", re.MULTILINE)


def normal(name: str) -> str:
    """A package's name as the lock writes it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def entries(lock: str) -> dict[str, str]:
    """Each package's whole entry, by name."""
    starts = [match.start() for match in _ENTRY.finditer(lock)]
    blocks = [lock[a:b] for a, b in zip(starts, [*starts[1:], len(lock)], strict=True)]
    return {normal(_ENTRY.match(block)[1]): block for block in blocks if _ENTRY.match(block)}  # type: ignore[index]


def needed(lock: str, roots: list[str]) -> dict[str, str]:
    """The entries of `roots` and of all that they bring.

    Raises:
        KeyError: a root is not in the lock.
    """
    known = entries(lock)
    wanted = {normal(re.split(r"[^A-Za-z0-9._-]", root, maxsplit=1)[0]) for root in roots}
    if missing := wanted - set(known):
        raise KeyError(f"not in requirements.lock: {', '.join(sorted(missing))}; run `make lock`")
    while more := {n for n, b in known.items() if n not in wanted and {normal(v) for v in _VIA.findall(b)} & wanted}:
        wanted |= more
    return {name: block for name, block in known.items() if name in wanted}


def main() -> None:
    root = Path(__file__).resolve().parent.parent
    project = tomllib.loads((root / "pyproject.toml").read_text())
    roots = project["build-system"]["requires"] if "build" in sys.argv else project["project"]["dependencies"]
    sys.stdout.write("".join(needed((root / "requirements.lock").read_text(), roots).values()))


if __name__ == "__main__":
    main()
