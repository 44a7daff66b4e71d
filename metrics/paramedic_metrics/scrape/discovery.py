"""Where a job's targets come from: written in the file, in files beside it, asked for, or the containers of the World."""

from __future__ import annotations

import glob
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from paramedic_core.config.mistakes import Mistake
from paramedic_core.config.text import Node, parse
from paramedic_core.errors import BadInput, ParamedicError
from paramedic_core.sys.files import read_bounded
from paramedic_core.world import World
from paramedic_metrics.scrape.containers import DockerTargets, docker
from paramedic_metrics.scrape.fields import Section
from paramedic_metrics.scrape.http_sd import HttpTargets, http

Found = Sequence[Mapping[str, str]]
"""Discovered labels, `__address__` among them, one mapping a target."""
_Known = tuple[tuple[int, int, int], Found]
_MOST_FILES = 1000
_MOST_FILE = 4 << 20
_MOST_TARGETS = 20_000


class Discovery(Protocol):
    """One source of targets."""

    def targets(self, world: World | None) -> Found:
        """The targets now. What cannot be read keeps its last targets, and is said in `trouble`."""
        ...

    @property
    def trouble(self) -> str:
        """What is wrong with it, in words; empty for nothing."""
        ...


@dataclass(frozen=True, slots=True)
class StaticTargets:
    """`static_configs`."""

    found: tuple[Mapping[str, str], ...]
    trouble: str = ""

    def targets(self, world: World | None) -> Found:  # noqa: ARG002  it needs no World
        return self.found


@dataclass(slots=True)
class FileTargets:
    """`file_sd_configs`: files of JSON or YAML, read again when they change."""

    patterns: tuple[str, ...]
    trouble: str = field(default="", compare=False)
    _known: dict[str, _Known] = field(default_factory=dict, compare=False)

    def targets(self, world: World | None) -> Found:  # noqa: ARG002  it needs no World
        troubles: list[str] = []
        paths = [path for pattern in self.patterns for path in sorted(glob.glob(pattern))]  # noqa: PTH207  absolute
        if len(paths) > _MOST_FILES:
            troubles.append(f"{len(paths)} files match; the first {_MOST_FILES} are read")
        known, self._known = self._known, {}
        for path in paths[:_MOST_FILES]:
            before = known.get(path)
            now: _Known | None
            try:
                stat = Path(path).stat()
                stamp = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
                now = before if before is not None and before[0] == stamp else (stamp, read_targets(path))
            except (OSError, ParamedicError) as error:
                troubles.append(f"{path}: {error}")
                now = before
            if now is not None:
                self._known[path] = now
        self.trouble = "; ".join(troubles[:5])
        return [labels for _, found in self._known.values() for labels in found]


def read_targets(path: str) -> Found:
    """The targets of one file of `file_sd_configs`.

    Raises:
        BadInput: it cannot be read; the text says where and why.
        OSError: as `open`.
    """
    data = read_bounded(Path(path), _MOST_FILE).decode("utf-8", "replace")
    if path.endswith(".json"):
        try:
            json.loads(data)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"not JSON: {error}") from None
    parsed = parse(data, path)
    mistakes = list(parsed.mistakes)
    found: list[Mapping[str, str]] = []
    if parsed.root is not None:
        top = Section(Node(parsed.root.place, {"targets": parsed.root}), "", mistakes)
        for section in top.sections("targets"):
            found += _group(section, path)
    if mistakes:
        raise BadInput("; ".join(str(m) for m in mistakes[:5]))
    return found


def discoveries(section: Section) -> tuple[Discovery, ...]:
    """What a job's `*_sd_configs` and `static_configs` say."""
    found: list[Discovery] = []
    written = [labels for inner in section.sections("static_configs") for labels in _group(inner, "")]
    if written:
        found.append(StaticTargets(tuple(written)))
    for inner in section.sections("file_sd_configs"):
        found.append(FileTargets(_patterns(inner)))
        inner.duration("refresh_interval", 300.0)
        inner.rest()
    for inner in section.sections("docker_sd_configs"):
        options = docker(inner)
        if options is not None:
            found.append(DockerTargets(options))
    for inner in section.sections("http_sd_configs"):
        asked = http(inner)
        if asked is not None:
            found.append(HttpTargets(asked))
    return tuple(found)


def _patterns(section: Section) -> tuple[str, ...]:
    found = []
    for text, node in section.texts("files"):
        if Path(text).suffix not in (".json", ".yml", ".yaml"):
            section.wrong(node, "files", f"{text[:80]!r} must end in .json, .yml or .yaml")
        # As Prometheus: relative to the file that names them.
        found.append(str(Path(node.place.source).absolute().parent / text))
    if not found:
        section.wrong(section.at("files"), "files", "is missing")
    return tuple(found)


def _group(section: Section, path: str) -> list[dict[str, str]]:
    """A list of targets with labels, as `static_configs` and files have it."""
    labels = section.labels("labels")
    found: list[dict[str, str]] = []
    for text, node in section.texts("targets")[:_MOST_TARGETS]:
        if not text or "/" in text:
            _wrong(section.mistakes, node, f"{section.path}.targets", f"{text[:80]!r} is no HOST:PORT")
        more = {"__meta_filepath": path} if path else {}
        found.append({**labels, "__address__": text, **more})
    section.rest()
    return found


def _wrong(mistakes: list[Mistake], node: Node, path: str, what: str) -> None:
    mistakes.append(Mistake(node.place, path, what))
