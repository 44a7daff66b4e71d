"""What a scrape costs: paramedic's collector beside its peers, arms in turns, in one run.

`node`: the node's sources alone beside node_exporter (its path by --node-exporter, else as PATH has it), for the families that
both have. `interfaces`: the same with 100 pairs of veth interfaces, as a host of containers has them. CPU time is the process', from /proc/PID/stat over many scrapes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/support"))

import paramedic_collector.sources
from paramedic_collector.source import Source
from paramedic_core.registry import discover
from support_bench_collector import Exporter, Run, collector, peer, turns

THEIRS = (
    # Collectors of node_exporter that are on by default and that paramedic has not.
    "bcache", "bcachefs", "btrfs", "dmmultipath", "fibrechannel", "infiniband", "ipvs", "nfs", "nfsd", "tapestats", "xfs",
    "zfs",
)  # fmt: skip


def others() -> str:
    """The sources that are not the node's: containers, machine, GPUs; as `collector.disable` takes them."""
    plugins = discover(paramedic_collector.sources, Source).plugins
    return ",".join(
        sorted(
            name
            for name, source in plugins.items()
            if source.on and not any(family.like in ("node_exporter", "the files") for family in source.families)
        )
    )


def families(text: bytes) -> set[str]:
    """The names of an exposition's families."""
    return {line.split(b" ", 3)[2].decode() for line in text.splitlines() if line.startswith(b"# TYPE ")}


def node(args: argparse.Namespace) -> int:
    binary = args.node_exporter or shutil.which("node_exporter") or shutil.which("prometheus-node-exporter")
    if binary is None:
        print("left out: no node_exporter (name one with --node-exporter)", file=sys.stderr)
        return 0
    off = [f"--no-collector.{name}" for name in THEIRS]
    with (
        collector({"collector.disable": others()}) as ours,
        peer("node_exporter", binary) as whole,
        peer("node_exporter, same families", binary, *off) as same,
    ):
        arms = (ours, same, whole)
        for compressed in (False, True):
            print(f"\n{'gzip' if compressed else 'identity'}, {args.rounds} runs of {args.scrapes} scrapes each\n")
            show(arms, turns(arms, args.rounds, args.scrapes, compressed=compressed))
        lacking = {f for f in families(same.scrape()) - families(ours.scrape()) if f.startswith("node_")}
        print(f"\nfamilies of node_exporter that paramedic has not: {', '.join(sorted(lacking)) or 'none'}")
    return 0


def show(arms: tuple[Exporter, ...], found: Mapping[str, list[Run]]) -> None:
    """A table of the arms, and the ratios of the first to each other."""
    print(
        "| exporter | CPU a scrape, ms | of these | median wall, ms | p99 | bytes | samples | PSS, MB |\n|---|---|---|---|---|---|---|---|"
    )
    for arm in arms:
        runs = found[arm.name]
        cpu = [run.cpu * 1000 for run in runs]
        walls = sorted(wall for run in runs for wall in run.walls)
        each = ", ".join(f"{ms:.2f}" for ms in cpu)
        print(
            f"| {arm.name} | {statistics.median(cpu):.2f} | {each} | {walls[len(walls) // 2] * 1000:.1f}"
            f" | {walls[len(walls) * 99 // 100] * 1000:.1f} | {runs[-1].size:,} | {runs[-1].samples:,} | {arm.resident():.0f} |"
        )
    for arm in arms[1:]:
        pairs = zip(found[arms[0].name], found[arm.name], strict=True)
        ratios = [one.cpu / other.cpu for one, other in pairs]
        print(
            f"{arms[0].name} / {arm.name}, CPU: {statistics.median(ratios):.2f} ({', '.join(f'{r:.2f}' for r in ratios)})"
        )


def interfaces(args: argparse.Namespace) -> int:
    """The same in namespaces of its own with as many interfaces as a host of containers has."""
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("unshare"):
        print(
            "left out: interfaces are made by root, with ip and unshare (Debian: iproute2, util-linux)", file=sys.stderr
        )
        return 0
    words = ["--rounds", str(args.rounds), "--scrapes", str(args.scrapes)]
    if args.node_exporter:
        words += ["--node-exporter", args.node_exporter]
    namespaces = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c"]
    command = [*namespaces, _VETHS, str(args.pairs), sys.executable, __file__, "node", *words]
    return subprocess.run(command, check=False).returncode


_VETHS = """
mount -t sysfs sysfs /sys && ip link set lo up || exit
for i in $(seq "$0"); do ip link add v$i up type veth peer name w$i || exit; ip link set w$i up; done
exec "$@"
"""
ARMS: Mapping[str, Callable[[argparse.Namespace], int]] = {"node": node, "interfaces": interfaces}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("arms", nargs="*", default=list(ARMS), metavar="ARM", help=f"of {', '.join(ARMS)}")
    parser.add_argument("--node-exporter", metavar="PATH", help="its binary")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scrapes", type=int, default=200, help="in each run")
    parser.add_argument("--pairs", type=int, default=100, help="veth pairs of the arm interfaces")
    args = parser.parse_args()
    unknown = set(args.arms) - ARMS.keys()
    if unknown:
        parser.error(f"there is no arm {', '.join(sorted(unknown))}; there are {', '.join(ARMS)}")
    return max([ARMS[arm](args) for arm in args.arms])


if __name__ == "__main__":
    sys.exit(main())
