"""Is paramedic itself there, with the rights it needs?"""

from __future__ import annotations

import stat
from collections.abc import Iterator

from paramedic.console.words import moment
from paramedic.doctor.base import BAD, OK, WARN, Facts, Verdict, check


@check("rights to ask")
def rights_to_ask(facts: Facts) -> Iterator[Verdict]:
    if facts.denied:
        yield Verdict(BAD, facts.denied, f"sudo paramedic doctor{facts.flag}")


@check("roles")
def roles(facts: Facts) -> Iterator[Verdict]:
    if facts.denied:
        return
    if not facts.running:
        yield Verdict(BAD, f"paramedic does not run with the data directory {facts.data}", f"paramedic run{facts.flag}")
        return
    for name, role in facts.roles.items():
        if role.state == "away":
            yield Verdict(BAD, f"the role {name} is away: {role.reason}", "see its log; its supervisor starts it again")
        elif role.state == "not ready":
            yield Verdict(WARN, f"the role {name} is not ready: {role.reason}", "what it names must be mended first")
        else:
            yield Verdict(OK, f"{name} is ready")


@check("separation")
def separation(facts: Facts) -> Iterator[Verdict]:
    if facts.world is None:
        return
    if facts.world.hands.separated:
        yield Verdict(OK, "each role has a uid of its own")
    else:
        what = "paramedic was not started as root, so nothing separates its roles from the engine's socket"
        yield Verdict(WARN, what, f"sudo paramedic run{facts.flag}")


@check("hands")
def hands(facts: Facts) -> Iterator[Verdict]:
    if facts.world is None or facts.world.hands.frozen:
        return
    if facts.world.hands.ready:
        yield Verdict(OK, "acts are possible")
    else:
        yield Verdict(BAD, f"no act is possible: {facts.world.hands.reason}", "what it names must be mended first")


@check("FREEZE")
def freeze(facts: Facts) -> Iterator[Verdict]:
    try:
        present = (facts.data / "FREEZE").exists()
    except PermissionError:
        return
    if not present and not (facts.world and facts.world.hands.frozen):
        return
    note = facts.freeze
    by = f" by {note['by']}" if note.get("by") else ""
    reason = f": {note['reason']}" if note.get("reason") else ""
    at = f" since {moment(float(str(note['at'])), facts.now)}" if note.get("at") else ""
    yield Verdict(WARN, f"frozen{at}{by}{reason}: nothing is acted on", f"paramedic freeze --off{facts.flag}")


@check("token file")
def token_file(facts: Facts) -> Iterator[Verdict]:
    path = facts.data / "tokens.json"
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except (FileNotFoundError, PermissionError):
        return
    if mode & 0o027:
        yield Verdict(BAD, f"{path} (mode {mode:04o}) can be read or changed by others", f"chmod 0640 {path}")
