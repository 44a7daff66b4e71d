"""/sys/class/powercap (Documentation/power/powercap/powercap.rst of the kernel): energy that the processor took."""

from __future__ import annotations

from collections import Counter

from paramedic_collector.exposition import Exposition, Family, counter, label_name, number, prefix
from paramedic_collector.files import names, read_text
from paramedic_collector.kept import Kept
from paramedic_collector.source import Context, Source

_BY_LABEL = counter("node_rapl_joules_total", "Current RAPL value in joules", "index", "path", "rapl_zone")


class Rapl(Source):
    """Joules by zone; nothing where they are for root only, as since Linux 5.10."""

    name = "rapl"
    families = (Family("node_rapl_*", "counter", "Current RAPL * value in joules", ("index", "path")), _BY_LABEL)

    def __init__(self) -> None:
        self._zones: Kept[list[tuple[str, Family, str]]] = Kept()

    def collect(self, context: Context, out: Exposition) -> None:
        root, by_label = context.paths.sys("class/powercap"), context.settings.rapl.enable_zone_label
        for path, family, start in self._zones.get(context.now, lambda: _zones(root, by_label=by_label)):
            energy = self.files.number(path)
            if energy is not None:
                out.of(family).append(start + number(energy / 1000000))


def _zones(root: str, *, by_label: bool) -> list[tuple[str, Family, str]]:
    """Each zone's file, family and the beginning of its line."""
    found = []
    families: dict[str, Family] = {}
    seen: Counter[str] = Counter()
    for folder in names(root):
        name = read_text(f"{root}/{folder}/name")
        if not name:
            continue
        index, zone = seen[name], name
        one, dash, other = name.partition("-")
        if dash and other.isdigit():
            index, zone = int(other), one
        seen[zone] = index + 1
        labels = {"index": str(index), "path": f"{root}/{folder}"}
        if by_label:
            family, labels = _BY_LABEL, labels | {"rapl_zone": zone}
        else:
            whole = f"node_rapl_{label_name(zone)}_joules_total"
            family = families.setdefault(whole, counter(whole, f"Current RAPL {zone} value in joules", "index", "path"))
        found.append((f"{root}/{folder}/energy_uj", family, prefix(family.name, labels)))
    return found
