"""The healer's journal in lines for people."""

from __future__ import annotations

from typing import Any

from paramedic.console.table import Cell
from paramedic.console.words import moment

TITLES = ("SEQ", "TIME", "WHAT", "CONTAINER", "TEXT")
_TONES = {
    "opened": "warn",
    "intent": "warn",
    "recovered": "good",
    "verdict": "good",
    "gave_up": "bad",
    "do": "good",
    "wait": "warn",
    "refuse": "faint",
    "no_effect": "bad",
    "failed": "bad",
}


def record_row(record: dict[str, Any], now: float) -> tuple[Cell | str, ...]:
    """One record as a row under `TITLES`."""
    kind = str(record.get("kind", ""))
    word = {"decision": record.get("decision"), "verdict": record.get("verdict"), "outcome": record.get("status")}.get(
        kind
    )
    what = f"{kind} {word}".replace("_", " ") if word else kind.replace("_", " ")
    text = str(record.get("text") or record.get("reason") or record.get("detail") or "")
    gate = f" [{record['gate']}]" if record.get("gate") else ""
    tone = _TONES.get(str(word), _TONES.get(kind, ""))
    return (
        str(record.get("seq", "")),
        moment(float(record.get("at") or 0), now),
        Cell(what, tone),
        str(record.get("name", "")),
        text + gate,
    )
