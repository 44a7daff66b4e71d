"""What a good client notices while others send nonsense: names asked, and lines sent by Forward, in arms that take turns.

Three arms: `calm` (nobody else), `others` (others send as many ordinary messages), `hostile` (others send nonsense: cut-off and
looping DNS packets and 64 KB over TCP in one-byte pieces; Forward frames that are malformed, endless, nested or half sent).
Hostile beside `others` is what being hostile gains. A lost answer, or a line that is not stored once, ends it with 1.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgpack
from dns_rate import answers, free_port

from paramedic_core.sys.client import RoleClient

WEB = b"\x04svc0\x04shop\x03svc\x09paramedic\x08internal\x00\x00\x01\x00\x01"
HEAD = b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
ARMS = ("calm", "others", "hostile")


def packets() -> list[bytes]:
    """Nonsense for a DNS server."""
    rng, good = random.Random(53), b"\x00\x01" + HEAD + WEB
    bad = [good[:n] for n in range(1, len(good))]
    bad += [b"\x00\x02" + HEAD + b"\xc0\x0c\x00\x01\x00\x01", b"\x00\x02" + HEAD + b"\xc0\x0e\xc0\x0c\x00\x01\x00\x01"]
    # Pointers that lead back step by step, as long as a packet: what costs parsers that follow them.
    bad.append(b"\x00\x03" + HEAD + b"".join(b"\x01a" + bytes([0xC0 | n >> 8, n & 255]) for n in range(12, 4000, 4)))
    bad.append(b"\x00\x04" + HEAD + (b"\x3f" + b"a" * 63) * 60)
    bad += [b"\x00\x05" + HEAD[:2] + b"\xff" * 8 + rng.randbytes(rng.randrange(1, 4000)) for _ in range(40)]
    return bad


def frames() -> list[bytes]:
    """Nonsense for a Forward server; each ends its connection, or is never whole."""
    return [
        b"\xc1",
        msgpack.packb(["tag", b"\xc1\xc1"]),
        msgpack.packb(["tag", [[[]] * 1000] * 100]),
        b"\x91" * 50_000,
        b"\xdd\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff" + b"x" * 500_000,
        b"\xc9\xff\xff\xff\xff\x00",
        msgpack.packb(["tag", [[1, {"log": "x"}]] * 200, {"chunk": "no"}])[:-9],
    ]


@contextlib.contextmanager
def beside(*work: Callable[[threading.Event], int]) -> Iterator[list[int]]:
    """Run these meanwhile; how often each did its work is in the list afterwards."""
    stop, counts = threading.Event(), [0] * len(work)

    def run(place: int) -> None:
        counts[place] = work[place](stop)

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(work))]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


def sprayer(port: int, what: list[bytes], rate: float) -> Callable[[threading.Event], int]:
    def spray(stop: threading.Event) -> int:
        sent, began = 0, time.monotonic()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
            plug.connect(("127.0.0.1", port))
            plug.settimeout(0)
            while not stop.is_set():
                while sent < (time.monotonic() - began) * rate:
                    with contextlib.suppress(OSError):
                        plug.send(what[sent % len(what)])
                    sent += 1
                with contextlib.suppress(OSError):
                    while True:
                        plug.recv(4096)
                stop.wait(0.005)
        return sent

    return spray


def dripper(port: int, bytes_a_second: float) -> Callable[[threading.Event], int]:
    def drip(stop: threading.Event) -> int:
        dripped = 0
        while not stop.is_set():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as plug:
                plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for byte in b"\xff\xff" + b"\xc0" * 65535:
                    plug.send(bytes([byte]))
                    dripped += 1
                    if stop.wait(1 / bytes_a_second):
                        break
        return dripped

    return drip


def asked(port: int, seconds: float, rate: float) -> tuple[list[float], int]:
    """Ask at a steady pace: milliseconds of each answer, and how many did not come."""
    took, lost, question = [], 0, HEAD + WEB
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
        plug.connect(("127.0.0.1", port))
        plug.settimeout(2.0)
        begin = time.perf_counter()
        for number in range(int(seconds * rate)):
            time.sleep(max(0.0, begin + number / rate - time.perf_counter()))
            name, at = number.to_bytes(2, "big"), time.perf_counter()
            plug.send(name + question)
            try:
                while plug.recv(4096)[:2] != name:
                    pass
                took.append((time.perf_counter() - at) * 1000)
            except TimeoutError:
                lost += 1
    return took, lost


def names(seconds: float, rounds: int) -> bool:
    with tempfile.TemporaryDirectory(prefix="paramedic-bench-") as folder:
        port = free_port()
        command = [sys.executable, str(Path(__file__).with_name("dns_rate.py")), "--serve", str(port), folder]
        server = subprocess.Popen(command, stdin=subprocess.PIPE)
        try:
            end = time.monotonic() + 20
            while not answers(port) and time.monotonic() < end:
                time.sleep(0.05)
            ordinary = [b"\x00\x09" + HEAD + WEB]
            work = {
                "calm": (),
                "others": (sprayer(port, ordinary, 2000),),
                "hostile": (sprayer(port, packets(), 2000), dripper(port, 500), dripper(port, 500)),
            }
            return table("names, 300 questions a second", work, lambda: asked(port, seconds, 300), rounds)
        finally:
            assert server.stdin is not None
            server.stdin.close()
            server.wait(10)


def thrower(port: int, what: list[bytes], rate: float) -> Callable[[threading.Event], int]:
    def throw(stop: threading.Event) -> int:
        thrown, held = 0, []
        while not stop.is_set():
            with contextlib.suppress(OSError):
                plug = socket.create_connection(("127.0.0.1", port), 5)
                plug.settimeout(1.0)
                held.append(plug)
                plug.sendall(what[thrown % len(what)])
            thrown += 1
            # Half-sent ones stay open, as many as may be.
            while len(held) > 8:
                held.pop(0).close()
            stop.wait(1 / rate)
        for plug in held:
            plug.close()
        return thrown

    return throw


def told(port: int, client: RoleClient, arm: int, seconds: float, rate: float) -> tuple[list[float], int]:
    """Send lines at a steady pace, each acknowledged: milliseconds to the acknowledgement, and how many are not stored once."""
    took, sent, unpacker = [], 0, msgpack.Unpacker()
    name = f"good-{arm}"
    with socket.create_connection(("127.0.0.1", port), 5) as plug:
        plug.settimeout(10.0)
        begin = time.perf_counter()
        while time.perf_counter() - begin < seconds:
            time.sleep(max(0.0, begin + sent / rate - time.perf_counter()))
            at = time.perf_counter()
            entry = {"container_name": name, "log": f"line {sent}"}
            plug.sendall(msgpack.packb(["t", int(time.time()), entry, {"chunk": str(sent)}]))
            sent += 1
            acknowledged = False
            while not acknowledged:
                data = plug.recv(4096)
                if not data:
                    raise SystemExit("the good client's connection was ended")
                unpacker.feed(data)
                acknowledged = any(True for _ in unpacker)
            took.append((time.perf_counter() - at) * 1000)
    lines = [line["text"] for line in client.get(f"/search?container={name}&limit=5000")["lines"]]
    return took, abs(sent - len(set(lines))) + len(lines) - len(set(lines))


def lines(seconds: float, rounds: int) -> bool:
    with tempfile.TemporaryDirectory(prefix="pm-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        port, data = free_port(), Path(folder) / "data"
        command = [sys.executable, "-m", "paramedic", "run", "--data", str(data), "--role", "logs"]
        command += ["--set", f"logs.forward.listen=127.0.0.1:{port}", "--set", "runtime.engine=memory:"]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        client, number = RoleClient(data / "run/logs.sock", "logs"), iter(range(1000))
        try:
            end = time.monotonic() + 20
            while time.monotonic() < end:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.1)
            ordinary = [msgpack.packb(["t", 1_700_000_000, {"container_name": "other", "log": "x"}])]
            work = {
                "calm": (),
                "others": (thrower(port, ordinary, 50),),
                "hostile": (thrower(port, frames(), 50),),
            }
            measure = lambda: told(port, client, next(number), seconds, 50)  # noqa: E731
            return table("lines by Forward, 50 a second, each acknowledged when durable", work, measure, rounds)
        finally:
            server.terminate()
            server.wait(15)


def table(
    title: str,
    work: dict[str, tuple[Callable[[threading.Event], int], ...]],
    measure: Callable[[], tuple[list[float], int]],
    rounds: int,
) -> bool:
    found: dict[str, list[tuple[float, float]]] = {arm: [] for arm in ARMS}
    lost, did = dict.fromkeys(ARMS, 0), dict.fromkeys(ARMS, "")
    for _ in range(rounds):
        for arm in ARMS:
            with beside(*work[arm]) as counts:
                took, missing = measure()
            took.sort()
            found[arm].append((statistics.median(took), took[int(len(took) * 0.99)]))
            lost[arm] += missing
            did[arm] = ", ".join(f"{n:,}" for n in counts) or "–"
    print(f"\n{title}\n{'':10}{'p50 ms':>10}{'p99 ms':>10}{'lost':>8}   sent by others in the last round")
    for arm in ARMS:
        p50, p99 = (statistics.median(row[place] for row in found[arm]) for place in (0, 1))
        print(f"{arm:10}{p50:>10.2f}{p99:>10.2f}{lost[arm]:>8}   {did[arm]}")
    for other in ("calm", "others"):
        ratios = [h[1] / o[1] for h, o in zip(found["hostile"], found[other], strict=True)]
        print(f"p99, hostile / {other}: {statistics.median(ratios):.2f} ({', '.join(f'{r:.2f}' for r in ratios)})")
    return not any(lost.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    good = [names(args.seconds, args.rounds), lines(args.seconds, args.rounds)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
