"""Answers a second: paramedic's dns role against dnsmasq, both asked by dnsperf on loopback, in turns, in one run.

200 containers in 40 services; questions: 80 % A of a service or an instance, 10 % AAAA, 10 % a name that is not there.
dnsmasq serves the same names from a hosts file. Ratios of CPU time a question are the steady figure: questions a second depend
on what else the machine does. Needs dnsperf and dnsmasq (Debian: dnsperf, dnsmasq-base).
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from paramedic_core.clock import SystemClock
from paramedic_core.model import COMPOSE_NUMBER, COMPOSE_PROJECT, COMPOSE_SERVICE, Container, Endpoint, Health, State
from paramedic_core.settings import DnsSettings
from paramedic_core.world import Engine, EngineStatus, World
from paramedic_dns.keep import Keep
from paramedic_dns.names import text
from paramedic_dns.server import DnsServer
from paramedic_dns.stats import Stats
from paramedic_dns.zone import Rule, build

_TICK = os.sysconf("SC_CLK_TCK")


def world() -> World:
    containers = {}
    for n in range(200):
        labels = {COMPOSE_PROJECT: "shop", COMPOSE_SERVICE: f"svc{n // 5}", COMPOSE_NUMBER: str(n % 5 + 1)}
        place = Endpoint("shop_default", "net1", f"10.53.{n // 200}.{n % 200 + 2}", "10.53.0.1")
        containers[f"{n:064x}"] = Container(
            f"{n:064x}", f"shop-svc{n // 5}-{n % 5 + 1}", State.RUNNING, health=Health.HEALTHY, labels=labels,
            endpoints=(place,), created_at=float(n),
        )  # fmt: skip
    return World("bench", "e", 1, time.time(), Engine(EngineStatus.CONNECTED), containers=containers)


def serve(port: int, folder: Path) -> None:
    stats = Stats()
    keep = Keep(folder / "world", stats)
    server = DnsServer(DnsSettings(port=port), "bench", keep, stats, SystemClock())
    server.start()
    server.take(world())
    sys.stdin.read()
    server.stop()


def files(folder: Path) -> tuple[Path, Path]:
    zone = build(world(), "paramedic.internal")
    hosts, names = [], []
    for entry in zone.entries.values():
        if entry.rule in (Rule.SERVICE, Rule.ONE) and entry.port is None and entry.members:
            names.append(text(entry.key).rstrip("."))
            hosts += [f"{m.places[0].address} {names[-1]}" for m in entry.members]
    rng = random.Random(53)
    lines = []
    for _ in range(20000):
        name, luck = rng.choice(names), rng.random()
        if luck < 0.8:
            lines.append(f"{name} A")
        else:
            lines.append(f"{name} AAAA" if luck < 0.9 else f"no{rng.randrange(500)}.{name} A")
    (folder / "hosts").write_text("\n".join(hosts) + "\n")
    (folder / "questions").write_text("\n".join(lines) + "\n")
    return folder / "hosts", folder / "questions"


def spent(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def run(pid: int, port: int, questions: Path, seconds: float, *more: str) -> dict[str, float]:
    before = spent(pid)
    command = [
        "dnsperf",
        "-s",
        "127.0.0.1",
        "-p",
        str(port),
        "-d",
        str(questions),
        "-l",
        str(seconds),
        "-T",
        "1",
        *more,
    ]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    completed = int(re.search(r"Queries completed:\s+(\d+)", said)[1])  # type: ignore[index]
    lost = int(re.search(r"Queries lost:\s+(\d+)", said)[1])  # type: ignore[index]
    rate = float(re.search(r"Queries per second:\s+([\d.]+)", said)[1])  # type: ignore[index]
    average = float(re.search(r"Average Latency \(s\):\s+([\d.]+)", said)[1])  # type: ignore[index]
    cpu = (spent(pid) - before) / max(completed, 1) * 1e6
    return {"rate": rate, "lost": lost, "ms": average * 1000, "cpu": cpu}


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
        plug.bind(("127.0.0.1", 0))
        return int(plug.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
        plug.settimeout(0.2)
        try:
            plug.connect(("127.0.0.1", port))
            name = b"\x04svc0\x04shop\x03svc\x09paramedic\x08internal\x00"
            plug.send(b"\x00\x01\x01\x00\x00\x01" + bytes(6) + name + b"\x00\x01\x00\x01")
            return plug.recv(512)[3] & 15 == 0
        except OSError:
            return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", nargs=2, metavar=("PORT", "FOLDER"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(int(args.serve[0]), Path(args.serve[1]))
        return 0
    dnsmasq = shutil.which("dnsmasq") or shutil.which("dnsmasq", path="/usr/sbin:/sbin")
    if not shutil.which("dnsperf") or dnsmasq is None:
        print("left out: dnsperf or dnsmasq is not installed (apt-get install dnsperf dnsmasq-base)", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory(prefix="paramedic-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        hosts, questions = files(folder)
        ports = {"paramedic": free_port(), "dnsmasq": free_port()}
        started = {
            "paramedic": [sys.executable, __file__, "--serve", str(ports["paramedic"]), name],
            "dnsmasq": [
                dnsmasq, "--no-daemon", "--no-resolv", "--no-hosts", f"--addn-hosts={hosts}", "--no-poll",
                "--local=/paramedic.internal/", f"--port={ports['dnsmasq']}", "--listen-address=127.0.0.1",
                "--bind-interfaces", "--conf-file=/dev/null", "--local-ttl=5", "--cache-size=10000",
            ],
        }  # fmt: skip
        processes = {
            who: subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for who, command in started.items()
        }
        try:
            compare(processes, ports, questions, args.seconds, args.rounds)
        finally:
            for process in processes.values():
                process.kill()
                process.wait(5)
                assert process.stdin is not None
                process.stdin.close()
    return 0


def compare(
    processes: dict[str, subprocess.Popen[bytes]], ports: dict[str, int], questions: Path, seconds: float, rounds: int
) -> None:
    end = time.monotonic() + 20
    while not all(answers(p) for p in ports.values()):
        if time.monotonic() > end:
            raise SystemExit("a server did not start")
        time.sleep(0.05)
    found: dict[str, list[dict[str, float]]] = {who: [] for who in processes}
    slow: dict[str, list[dict[str, float]]] = {who: [] for who in processes}
    for _ in range(rounds):
        for who, process in processes.items():
            found[who].append(run(process.pid, ports[who], questions, seconds, "-c", "16", "-q", "100"))
            slow[who].append(run(process.pid, ports[who], questions, 1.0, "-c", "4", "-Q", "2000"))
    print(f"{'':12}{'answers/s':>12}{'CPU µs each':>14}{'lost':>8}{'ms at 2000/s':>15}{'RSS MiB':>10}")
    for who, rows in found.items():
        pages = int(Path(f"/proc/{processes[who].pid}/statm").read_text().split()[1])
        middle = {k: statistics.median(r[k] for r in rows) for k in rows[0]}
        calm = statistics.median(r["ms"] for r in slow[who])
        size = pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
        print(f"{who:12}{middle['rate']:>12,.0f}{middle['cpu']:>14.1f}{middle['lost']:>8.0f}{calm:>15.3f}{size:>10.1f}")
    for what, label in (("rate", "answers a second"), ("cpu", "CPU time an answer")):
        ratios = [ours[what] / theirs[what] for ours, theirs in zip(found["paramedic"], found["dnsmasq"], strict=True)]
        print(
            f"paramedic / dnsmasq, {label}: {statistics.median(ratios):.2f} ({', '.join(f'{r:.2f}' for r in ratios)})"
        )


if __name__ == "__main__":
    sys.exit(main())
