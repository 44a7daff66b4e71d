"""/sys/devices/system/edac/mc (Documentation/admin-guide/RAS of the kernel): errors that memory with ECC found."""

from __future__ import annotations

import re
from collections.abc import Iterator

from paramedic_collector.exposition import Exposition, Family, counter, number, prefix
from paramedic_collector.files import names, read_text
from paramedic_collector.kept import Kept
from paramedic_collector.source import Context, Source


def _pair(scope: str, where: str, *labels: str) -> tuple[Family, Family]:
    """The families of corrected and of uncorrected errors."""
    one, other = (
        counter(f"node_edac_{scope}{kind}_errors_total", f"Total {kind} memory errors{where}.", "controller", *labels)
        for kind in ("correctable", "uncorrectable")
    )
    return one, other


_CONTROLLER = _pair("", "")
_ROW = _pair("csrow_", " for this csrow", "csrow")
_CHANNEL = _pair("channel_", " for this channel", "csrow", "channel", "dimm_label")
_NUMBERED = re.compile(r"(mc|csrow)([0-9]+)")
_CHANNEL_FILE = re.compile(r"ch([0-9]+)_ce_count")


class Edac(Source):
    """Memory errors by controller, row and channel."""

    name = "edac"
    families = (*_CONTROLLER, *_ROW, *_CHANNEL)

    def __init__(self) -> None:
        self._counters: Kept[list[tuple[str, Family, str]]] = Kept()

    def collect(self, context: Context, out: Exposition) -> None:
        root = context.paths.sys("devices/system/edac/mc")
        for path, family, start in self._counters.get(context.now, lambda: list(_files(root))):
            count = self.files.number(path)
            if count is not None:
                out.of(family).append(start + number(count))


def _files(root: str) -> Iterator[tuple[str, Family, str]]:
    """Each counter's file, its family, and the beginning of its line."""
    for controller, number_ in _numbered(root, "mc"):
        labels = {"controller": number_}
        yield from _two(f"{root}/{controller}", ("ce_count", "ue_count"), _CONTROLLER, labels)
        unknown = labels | {"csrow": "unknown"}
        yield from _two(f"{root}/{controller}", ("ce_noinfo_count", "ue_noinfo_count"), _ROW, unknown)
        for row, row_number in _numbered(f"{root}/{controller}", "csrow"):
            folder, of_row = f"{root}/{controller}/{row}", labels | {"csrow": row_number}
            yield from _two(folder, ("ce_count", "ue_count"), _ROW, of_row)
            for match in filter(None, map(_CHANNEL_FILE.fullmatch, names(folder))):
                channel = match[1]
                of_channel = of_row | {"channel": channel, "dimm_label": _dimm(folder, channel)}
                yield from _two(folder, (f"ch{channel}_ce_count", f"ch{channel}_ue_count"), _CHANNEL, of_channel)


def _two(
    folder: str, files: tuple[str, str], families: tuple[Family, Family], labels: dict[str, str]
) -> Iterator[tuple[str, Family, str]]:
    for file, family in zip(files, families, strict=True):
        yield f"{folder}/{file}", family, prefix(family.name, labels)


def _numbered(folder: str, start: str) -> Iterator[tuple[str, str]]:
    for match in filter(None, map(_NUMBERED.fullmatch, names(folder))):
        if match[1] == start:
            yield match[0], match[2]


def _dimm(folder: str, channel: str) -> str:
    """`mc#0csrow#1channel#0`, as drivers write it, spelt as node_exporter spells it."""
    label = read_text(f"{folder}/ch{channel}_dimm_label", "unknown")
    return label.replace("#", "").replace("csrow", "_csrow").replace("channel", "_channel")
