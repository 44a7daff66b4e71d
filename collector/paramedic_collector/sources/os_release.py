"""/etc/os-release, os-release(5)."""

from __future__ import annotations

import datetime as dt
import re
import shlex

from paramedic_collector.exposition import Exposition, gauge, number, prefix
from paramedic_collector.files import read
from paramedic_collector.kept import Kept
from paramedic_collector.source import Context, Source

_LABELS = (
    "build_id",
    "id",
    "id_like",
    "image_id",
    "image_version",
    "name",
    "pretty_name",
    "variant",
    "variant_id",
    "version",
    "version_codename",
    "version_id",
)
_INFO = gauge("node_os_info", f"A metric with a constant '1' value labeled by {', '.join(_LABELS)}.", *_LABELS)
_VERSION = gauge(
    "node_os_version", "Metric containing the major.minor part of the OS version.", "id", "id_like", "name"
)
_END = gauge("node_os_support_end_timestamp_seconds", "Metric containing the end-of-life date timestamp of the OS.")
_MAJOR_MINOR = re.compile(r"^[0-9]+\.?[0-9]*")


class Os(Source):
    """The distribution's name and version."""

    name = "os"
    families = (_INFO, _VERSION, _END)

    def __init__(self) -> None:
        self._facts: Kept[dict[str, str]] = Kept()

    def collect(self, context: Context, out: Exposition) -> None:
        facts = self._facts.get(context.now, lambda: _facts(context))
        if not facts:
            return
        labels = {label: facts.get(label.upper(), "") for label in _LABELS}
        out.of(_INFO).append(prefix(_INFO.name, labels) + "1")
        version = _MAJOR_MINOR.match(labels["version_id"])
        if version is not None and float(version[0]) > 0:
            few = {label: labels[label] for label in _VERSION.labels}
            out.of(_VERSION).append(prefix(_VERSION.name, few) + number(float(version[0])))
        if facts.get("SUPPORT_END"):
            end = dt.datetime.fromisoformat(facts["SUPPORT_END"]).replace(tzinfo=dt.UTC)
            out.add(_END, end.timestamp())


def _facts(context: Context) -> dict[str, str]:
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            return parse(read(context.paths.root(path)).decode("utf-8", "replace"))
        except FileNotFoundError:
            continue
    return {}


def parse(text: str) -> dict[str, str]:
    """The assignments of the file, without their quotes.

    Raises:
        ValueError: a quote is not closed.
    """
    found = {}
    for line in text.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            found[key] = " ".join(shlex.split(value))
    return found
