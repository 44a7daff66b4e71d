"""Can all be read that is stored?"""

from __future__ import annotations

from collections.abc import Iterator

from paramedic.doctor.base import OK, WARN, Facts, Verdict, check


@check("stored metrics")
def stored(facts: Facts) -> Iterator[Verdict]:
    hub = facts.roles.get("hub")
    if hub is None or hub.state == "away":
        return
    if facts.damage:
        yield Verdict(WARN, facts.damage, f"paramedic tsdb check{facts.flag}, and what it says")
    else:
        yield Verdict(OK, "no damage of the stored metrics is known; all of it is read again each day")


@check("damaged files that are kept")
def kept(facts: Facts) -> Iterator[Verdict]:
    folder = facts.data / "metrics" / "damaged"
    try:
        pieces = list(folder.iterdir())
        size = sum(path.stat().st_size for path in pieces if path.is_file())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    if pieces:
        what = f"{folder} keeps {len(pieces)} damaged pieces of stored metrics ({size} bytes), which were set aside"
        yield Verdict(WARN, what, f"look at that disk; when nobody needs them any more: rm -r {folder}")
