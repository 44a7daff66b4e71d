"""The store beside Prometheus' and VictoriaMetrics': bytes a sample, ingest, memory, and the start after a crash.

Usage: tsdb.py [PART...] [--peers DIRECTORY] [--victoria PROGRAM] [options]; PART: bytes, ingest, memory, restart; all without.
       tsdb.py --record FILE --node-exporter PROGRAM [--every 1] [--scrapes 1440]   real scrapes into a file; root
       tsdb.py bytes --data FILE [--spacing 15] [--stride 1]

DIRECTORY holds `prometheus` (3.x) and `promtool`, PROGRAM is VictoriaMetrics; without them only we are measured.

`bytes`: the recorded samples of a real node_exporter and of 24 cgroups with our collector's container metrics, in all stores; ours
sealed at its own pace and read back bit for bit, Prometheus' one compacted block, VictoriaMetrics' flushed and merged.
`--spacing` stamps the scrapes so many seconds apart, `--stride` takes each so-many-th only. `ingest`: samples a second of CPU,
the same remote write requests to each program in turns; and our own scrapes, from exposition to store. `memory`: resident memory
with so many active series after `--hours` of them. `restart`: 24 hours, kill -9, and the time to the first answer over all series.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/support"))

from paramedic_core.clock import SystemClock
from paramedic_core.settings import MetricsSettings
from paramedic_metrics.scrape.exposition import Reader
from paramedic_metrics.storing import open_store
from support_bench_stores import own_bytes, prometheus_bytes, victoria_bytes
from support_programs import YEARS, Program, Start, paramedic, prometheus_of, until_ready, victoria_of
from support_recording import record, recorded
from support_remote_write import A_TARGET, Load

INTERVAL = 15_000
GOAL_BYTES = 0.6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all without")
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--victoria", type=Path)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--node-exporter", default="node_exporter")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between the recorded scrapes")
    parser.add_argument("--scrapes", type=int, default=1440)
    parser.add_argument("--data", type=Path, help="a recording; bytes is left out without")
    parser.add_argument("--spacing", type=float, default=0.0)
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--series", type=int, nargs="+", help="ingest 10000, memory 10000 100000, restart 1000 10000")
    parser.add_argument("--hours", type=float, help="memory 3, restart 24")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    if chosen.record:
        record(chosen.record, chosen.node_exporter, chosen.every, chosen.scrapes)
        return 0
    if set(chosen.part) - set(PARTS):
        parser.error(f"a PART is one of {', '.join(PARTS)}")
    for name in chosen.part or PARTS:
        print(f"\n== {name} (load {os.getloadavg()[0]:.1f})", flush=True)
        PARTS[name](chosen)
    return 0


def stored_bytes(chosen: argparse.Namespace) -> None:
    if chosen.data is None:
        print("left out: no recording (--data FILE; --record FILE makes one)")
        return
    given = recorded(chosen.data, round(chosen.spacing * 1000), chosen.stride)
    for each in given:
        every = statistics.median(each.times[1:] - each.times[:-1]) / 1000
        print(
            f"{each.name}: {len(each.labels)} series, {len(each.times)} scrapes {every:g} s apart, {each.samples} samples"
        )
    print("| samples | store | bytes a sample | index apart | together | ours ÷ it |\n|---|---|---|---|---|---|")
    for title, some in (*((each.name, [each]) for each in given), ("all", given)):
        count = sum(each.samples for each in some)
        with tempfile.TemporaryDirectory() as folder:
            arms = {"paramedic": lambda at, some=some: own_bytes(at, some, whole=True)}
            if chosen.peers:
                arms["Prometheus"] = lambda at, some=some: prometheus_bytes(chosen.peers / "promtool", at, some)
            if chosen.victoria:
                arms["VictoriaMetrics"] = lambda at, some=some: victoria_bytes(chosen.victoria, at, some)
            ours = 0
            for name, arm in arms.items():
                Path(folder, name).mkdir()
                found = arm(Path(folder, name))
                ours = ours or found.data
                cells = (found.data / count, found.index / count, (found.data + found.index) / count)
                print(
                    f"| {title} | {name} | " + " | ".join(f"{c:.3f}" for c in cells) + f" | {ours / found.data:.2f} |"
                )
            if ours / count > GOAL_BYTES:
                print(f"(beyond the goal of {GOAL_BYTES} bytes)")


def ingest(chosen: argparse.Namespace) -> None:
    for series in chosen.series or [10_000]:
        moments = 30
        begin = now() - (chosen.rounds + 1) * moments * INTERVAL
        found: dict[str, list[float]] = {}
        with ExitStack() as stack:
            programs = [until_ready(program) for program in started(stack, chosen)]
            scraped = stack.enter_context(scraping(series))
            load = Load(series)
            for turn in range(chosen.rounds + 1):
                some = [begin + (turn * moments + n) * INTERVAL for n in range(moments)]
                bodies = [body for at in some for body in load.requests(at)]
                for program in programs:
                    before = program.spent()
                    for body in bodies:
                        program.send(body)
                    found.setdefault(program.name, []).append(program.spent() - before)
                found.setdefault("paramedic, scrapes", []).append(scraped(some))
        print(f"{series} series, {moments} scrapes a turn, {chosen.rounds} turns after one for new series\n")
        print(
            "| arm | µs of CPU a sample | samples/s of a core, median (turns) | ÷ Prometheus | new series: µs a sample |"
        )
        print("|---|---|---|---|---|")
        rates = {name: [series * moments / spent for spent in each[1:]] for name, each in found.items()}
        base = statistics.median(rates.get("Prometheus", [float("nan")]))
        for name, each in rates.items():
            middle = statistics.median(each)
            turns = ", ".join(f"{rate:,.0f}" for rate in each)
            first = found[name][0] / (series * moments) * 1e6
            print(f"| {name} | {1e6 / middle:.2f} | {middle:,.0f} ({turns}) | {middle / base:.2f} | {first:.2f} |")


@contextmanager
def scraping(series: int) -> Iterator[Callable[[list[int]], float]]:
    """Our store in this process: CPU seconds for reading and storing the expositions of some rounds, its upkeep included."""
    load = Load(series)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(MetricsSettings(retention=YEARS), Path(folder), SystemClock())
        store.start()
        targets = []
        for target in range(series // A_TARGET):
            column = store.column(f"bench{target}")
            more = [("instance", f"host{target}:9100"), ("job", "bench")]
            reader = Reader(lambda pairs, column=column, more=more: column.row(tuple(sorted([*pairs, *more]))))
            targets.append((reader, column))

        def rounds(moments: list[int]) -> float:
            spent = 0.0
            for at in moments:
                values = load.values()
                bodies = [load.exposition(target, values) for target in range(len(targets))]
                stamps = load.moments(at).tolist()
                before = time.process_time()
                for (reader, column), body, stamp in zip(targets, bodies, stamps, strict=True):
                    read = reader.read(body)
                    column.append(stamp, read.rows, read.values)
                spent += time.process_time() - before
            return spent

        yield rounds
        store.stop()


def memory(chosen: argparse.Namespace) -> None:
    hours = chosen.hours or 3
    print(f"{hours:g} hours at 15 s by remote write, then 30 s of rest\n")
    print("| series | program | PSS, MB | RSS, MB | bytes a series | ours ÷ it |\n|---|---|---|---|---|---|")
    for series in chosen.series or [10_000, 100_000]:
        ours = 0.0
        for start in starts(chosen).values():
            with tempfile.TemporaryDirectory() as folder, start(Path(folder, "data")) as program:
                idle = until_ready(program).resident()[1]
                fill(program, series, hours)
                time.sleep(30)
                pss, resident = program.resident()
                ours = ours or resident
                each = (resident - idle) * 1e6 / series
                print(
                    f"| {series} | {program.name} | {pss:.0f} | {resident:.0f} (empty {idle:.0f}) | {each:,.0f} | {ours / resident:.2f} |",
                    flush=True,
                )


def restart(chosen: argparse.Namespace) -> None:
    hours = chosen.hours or 24
    print(f"{hours:g} hours at 15 s by remote write, kill -9, started again {chosen.rounds} times (killed each time)\n")
    print("| series | program | seconds to the first answer over all series, median (each) | ours ÷ it ", end="")
    print("| all CPU until then, µs a sample |\n|---|---|---|---|---|")
    for series in chosen.series or [1_000, 10_000]:
        ours = 0.0
        for start in starts(chosen).values():
            with tempfile.TemporaryDirectory() as folder:
                data = Path(folder, "data")
                with start(data) as program:
                    fill(until_ready(program), series, hours)
                    if (
                        hours > 3
                    ):  # for what was put off, as by Prometheus its compaction, which it looks at once a minute
                        time.sleep(90)
                    spent = program.spent() / (series * hours * 3_600_000 / INTERVAL) * 1e6
                    program.kill()
                took = [started_in(start, data, series) for _ in range(chosen.rounds)]
            middle = statistics.median(took)
            ours = ours or middle
            each = ", ".join(f"{t:.2f}" for t in took)
            print(
                f"| {series} | {program.name} | {middle:.2f} ({each}) | {ours / middle:.2f} | {spent:.2f} |", flush=True
            )


def started_in(start: Start, data: Path, series: int) -> float:
    at, began = newest() / 1000, time.perf_counter()
    with start(data) as program:
        while True:
            found = program.ask('count({job="bench"})', at)
            if found and int(found[0]["value"][1]) == series:
                break
            if program.process.poll() is not None or time.perf_counter() - began > 600:
                raise SystemExit(f"tsdb: {program.name} does not find its {series} series again: {found}")
            time.sleep(0.02)
        took = time.perf_counter() - began
        program.kill()
    return took


def fill(program: Program, series: int, hours: float) -> None:
    """Rounds of scrapes, the last one just now."""
    load = Load(series)
    count = round(hours * 3_600_000 / INTERVAL)
    for number in range(count):
        for body in load.requests(newest() - (count - number) * INTERVAL):
            program.send(body)


def newest() -> int:
    """When the last scrape was: fixed for a run, so that every arm has the same."""
    return int(os.environ.setdefault("BENCH_NEWEST", str(now())))


def now() -> int:
    return int(time.time() * 1000)


def starts(chosen: argparse.Namespace) -> dict[str, Start]:
    arms: dict[str, Start] = {"paramedic": paramedic}
    if chosen.peers:
        arms["Prometheus"] = prometheus_of(chosen.peers / "prometheus")
    if chosen.victoria:
        arms["VictoriaMetrics"] = victoria_of(chosen.victoria)
    return arms


def started(stack: ExitStack, chosen: argparse.Namespace) -> list[Program]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    return [stack.enter_context(start(folder / name)) for name, start in starts(chosen).items()]


PARTS: Mapping[str, Callable[[argparse.Namespace], None]] = {
    "bytes": stored_bytes,
    "ingest": ingest,
    "memory": memory,
    "restart": restart,
}

if __name__ == "__main__":
    sys.exit(main())
