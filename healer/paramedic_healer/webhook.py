"""Reads Alertmanager's webhook, version 4 (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from paramedic_core.errors import BadInput
from paramedic_healer.finding import Alert

MOST_ALERTS = 500
_MOST_LABELS = 64
_MOST_TEXT = 1024


def read_webhook(body: Mapping[str, Any], now: float) -> list[tuple[Alert, bool]]:
    """The alerts of one notification, each with whether it fires.

    Raises:
        BadInput: it is no such notification, or larger than its bounds; nothing of it is taken.
    """
    alerts = body.get("alerts")
    if not isinstance(alerts, list):
        raise BadInput("an Alertmanager notification has a list `alerts`; is this webhook version 4?")
    if len(alerts) > MOST_ALERTS:
        raise BadInput(f"{len(alerts)} alerts in one notification: {MOST_ALERTS} is the most (set max_alerts)")
    return [_alert(alert, f"alerts[{n}]", now) for n, alert in enumerate(alerts)]


def _alert(value: Any, where: str, now: float) -> tuple[Alert, bool]:
    if not isinstance(value, Mapping):
        raise BadInput(f"{where} is no object")
    status = value.get("status")
    if status not in ("firing", "resolved"):
        raise BadInput(f"{where}.status must be firing or resolved")
    labels = _texts(value.get("labels"), f"{where}.labels")
    annotations = _texts(value.get("annotations", {}), f"{where}.annotations")
    starts_at = value.get("startsAt", "")
    if not isinstance(starts_at, str) or len(starts_at) > 64:
        raise BadInput(f"{where}.startsAt is no time")
    fingerprint = value.get("fingerprint") or _fingerprint(labels)
    if not isinstance(fingerprint, str) or len(fingerprint) > 64:
        raise BadInput(f"{where}.fingerprint is no short text")
    summary = annotations.get("summary") or annotations.get("description") or ""
    return Alert(fingerprint, starts_at, labels, summary[:500], now), status == "firing"


def _texts(value: Any, where: str) -> dict[str, str]:
    if not isinstance(value, Mapping) or len(value) > _MOST_LABELS:
        raise BadInput(f"{where} must be an object of at most {_MOST_LABELS} texts")
    for name, text in value.items():
        if not isinstance(name, str) or not isinstance(text, str) or len(name) > _MOST_TEXT:
            raise BadInput(f"{where} must have texts for names and values")
    return {name: text[:_MOST_TEXT] for name, text in value.items()}


def _fingerprint(labels: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(labels, sort_keys=True).encode()).hexdigest()[:16]
