"""The node's metrics beside node_exporter's, on this machine: same families, series and types; values between two readings.

With `--dashboard` (Node Exporter Full as JSON) also: how many of its panels' expressions find all of their metrics, here and
there. Ends with 1 when a family that both have differs.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/support"))

from support_bench_collector import collector, peer
from support_compare import Differences, compare, expressions, metrics_of

OPTIONAL = ("interrupts", "processes", "systemd", "tcpstat")
"""Off by default on both sides, and asked for by the dashboard."""
SINCE_1_5 = {
    "node_disk_info": "node_disk_info has the label rotational",
    "node_disk_": "zram devices are excluded",
    "node_filesystem_": "the families of file systems have the label device_error",
    "node_network_info": "node_network_info has the label adminstate",
    "node_network_": "lo is told of by netdev",
    "node_textfile": "Debian's has a folder for text files, which is not there",
}
"""The beginnings of series that node_exporter itself changed between Debian's 1.5 and 1.12."""
_SYSTEMD = Path("/run/systemd/system")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--node-exporter", metavar="PATH", help="its binary; else as PATH has it")
    parser.add_argument("--dashboard", type=Path, metavar="JSON", help="Node Exporter Full")
    args = parser.parse_args()
    binary = args.node_exporter or shutil.which("node_exporter") or shutil.which("prometheus-node-exporter")
    if binary is None:
        print("left out: no node_exporter (name one with --node-exporter)", file=sys.stderr)
        return 0
    optional = [name for name in OPTIONAL if name != "systemd" or _SYSTEMD.is_dir()]
    flags = [f"--collector.{name}" for name in optional]
    with (
        collector({"collector.enable": ",".join(optional)}) as ours,
        peer("node_exporter", binary, *flags, like=ours) as theirs,
    ):
        found = compare(lambda: ours.scrape().decode(), lambda: theirs.scrape().decode())
        print(f"node_exporter {version(theirs.scrape().decode())}")
        older(found, version(theirs.scrape().decode()))
        report(found)
        if args.dashboard:
            share(args.dashboard.read_text(), ours.scrape().decode(), theirs.scrape().decode())
    return int(bool(found.header or found.only_here or found.only_there or found.values))


def version(text: str) -> str:
    """What node_exporter says of itself."""
    match = re.search(r'node_exporter_build_info\{.*version="([^"]*)"', text)
    return match[1] if match else "?"


def older(found: Differences, version: str) -> None:
    """Take out, and name, what later versions of node_exporter changed themselves."""
    if not version.startswith("1.5"):
        return
    starts = tuple(SINCE_1_5)
    found.only_here = {key for key in found.only_here if not key.startswith(starts)}
    found.only_there = {key for key in found.only_there if not key.startswith(starts)}
    found.values.pop("node_textfile_scrape_error", None)
    for start, why in SINCE_1_5.items():
        print(f"left out, since node_exporter changed it after 1.5: series {start}… ({why})")


def report(found: Differences) -> None:
    """The differences, all of them."""
    print(f"{found.families} families and {found.series} series are on both sides")
    for title, items in (
        ("another HELP or TYPE (here, there)", [f"{k}: {a!r}, {b!r}" for k, (a, b) in found.header.items()]),
        ("series of such families here alone", found.only_here),
        ("series of such families there alone", found.only_there),
        ("values in no round between two readings", [f"{k}: {v}" for k, v in found.values.items()]),
        ("families there alone", found.missing),
        ("families of nodes here alone", {name for name in found.more if name.startswith("node_")}),
    ):
        print(f"{title}: {len(items) or 'none'}")
        for item in sorted(items):
            print(f"    {item}")


def share(dashboard: str, here: str, there: str) -> None:
    """How many expressions find their metrics."""
    every = expressions(dashboard)
    for name, text in (("paramedic", here), ("node_exporter", there)):
        known = {line.split(" ", 3)[2] for line in text.splitlines() if line.startswith("# TYPE ")}
        whole = [e for e in every if metrics_of(e) <= known]
        lacking = sorted({m for e in every for m in metrics_of(e) - known})
        print(f"{name}: {len(whole)} of {len(every)} expressions find their metrics; not there: {', '.join(lacking)}")


if __name__ == "__main__":
    sys.exit(main())
