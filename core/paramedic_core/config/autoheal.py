"""docker-autoheal's environment variables as settings, so that its users change the image's name and nothing else.

What each of them does there: https://github.com/willfarrell/docker-autoheal (docker-entrypoint). They are the weakest
source: whatever is said in paramedic's own way counts before them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from paramedic_core.config.given import nested
from paramedic_core.config.mistakes import Finding, Mistake, Place
from paramedic_core.config.schema import Path
from paramedic_core.config.text import Node, Parsed

ALL = "all"
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,254}", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,7}", re.ASCII)
_LEAST_BACKOFF = 10
_USUAL_MOST = 300
_JSON_KEY = "content"
"""What the image sets (its Dockerfile); its script alone would say `text`."""
_IDLE = {
    "CURL_TIMEOUT": "has no meaning here: runtime.connect_timeout bounds the engine's answers",
    "POST_RESTART_SCRIPT": "is not run: paramedic has no hooks yet",
}
Given = dict[Path, Any]


class _Bad(ValueError):
    """A value that docker-autoheal would not have taken either."""


def from_environment(environ: Mapping[str, str]) -> tuple[list[Parsed], list[Finding]]:
    """One tree for each of docker-autoheal's variables that is set, and what is to be said of them."""
    trees: list[Parsed] = []
    findings: list[Finding] = []
    for name, read in _READERS.items():
        value = environ.get(name, "").strip()
        if not value:
            continue
        place = Place(f"environment {name}")
        try:
            given = read(value)
        except _Bad as error:
            trees.append(Parsed(mistakes=[Mistake(place, "", str(error))]))
            continue
        trees += [Parsed(nested(path, Node(place, item, place))) for path, item in given.items()]
    trees += _channels(environ, findings)
    # An image of docker-autoheal's kind sets these two itself, so alone they mean nothing.
    if trees:
        findings += [Finding(Place(f"environment {n}"), "", what) for n, what in _IDLE.items() if environ.get(n)]
    return trees, findings


def _label(value: str) -> Given:
    if value == ALL:
        return {("healer", "default"): "enforce"}
    if not _LABEL.fullmatch(value):
        raise _Bad("is no label's name: it is the name of a label that has the value true, or `all`")
    return {("healer", "autoheal_label"): value}


def _interval(value: str) -> Given:
    """There the pause between two rounds is also the shortest time between two restarts of one container: that is kept."""
    seconds = max(_LEAST_BACKOFF, _seconds(value))
    most: Given = {("healer", "backoff_most"): f"{seconds}s"} if seconds > _USUAL_MOST else {}
    return {("healer", "backoff_first"): f"{seconds}s", **most}


def _start_period(value: str) -> Given:
    return {("healer", "startup_grace"): f"{_seconds(value)}s"}


def _stop_timeout(value: str) -> Given:
    return {("runtime", "stop_timeout"): f"{_seconds(value)}s"}


def _only_running(value: str) -> Given:
    # There everything but the word false narrows the filter.
    return {("healer", "only_running"): value != "false"}


def _engine(value: str) -> Given:
    return {("runtime", "engine"): f"unix://{value}" if value.startswith("/") else value}


_READERS: Mapping[str, Callable[[str], Given]] = {
    "AUTOHEAL_CONTAINER_LABEL": _label,
    "AUTOHEAL_INTERVAL": _interval,
    "AUTOHEAL_START_PERIOD": _start_period,
    "AUTOHEAL_DEFAULT_STOP_TIMEOUT": _stop_timeout,
    "AUTOHEAL_ONLY_MONITOR_RUNNING": _only_running,
    "DOCKER_SOCK": _engine,
}


def _channels(environ: Mapping[str, str], findings: list[Finding]) -> list[Parsed]:
    """WEBHOOK_URL and APPRISE_URL as one list of channels, told of each heal at once as there."""
    entries = []
    names = []
    for name, kind in (("WEBHOOK_URL", "webhook"), ("APPRISE_URL", "apprise")):
        url = environ.get(name, "").strip()
        if not url:
            continue
        place = Place(f"environment {name}")
        entry = {"name": name, "kind": kind, "url": url, "digest": "0s"}
        if kind == "webhook":
            entry["text_key"] = environ.get("WEBHOOK_JSON_KEY", "").strip() or _JSON_KEY
        entries.append(Node(place, {key: Node(place, value, place) for key, value in entry.items()}, place))
        findings.append(Finding(place, "notify", "messages are sent there, as docker-autoheal did"))
        names.append(name)
    if not entries:
        return []
    place = Place(f"environment {', '.join(names)}")
    return [Parsed(nested(("notify",), Node(place, entries, place)))]


def _seconds(value: str) -> int:
    if not _SECONDS.fullmatch(value):
        raise _Bad("is no whole number of seconds")
    return int(value)
