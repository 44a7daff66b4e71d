"""The same queries over the same scraped data, asked of a real Prometheus and of our engine.

Usage: differential.py DIRECTORY [--queries N] [--seed N] [-v]

DIRECTORY holds the binaries `prometheus` (3.x) and `promtool`, and perhaps `node_exporter`. Where they are missing the script
says so and ends well. Prometheus' own metrics, and the node's where there is a node_exporter, are scraped in quick succession
and dated 15 seconds apart, with a gap; both engines get exactly those samples. Differences that are nobody's promise are
not asked for (which of equal series topk takes). Values may differ by 1e-9 of themselves.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from paramedic_core.errors import ParamedicError  # noqa: E402  the path comes first
from paramedic_metrics.promql.cursor import Options  # noqa: E402
from paramedic_metrics.promql.engine import Engine  # noqa: E402
from paramedic_metrics.promql.parser import parse  # noqa: E402
from paramedic_metrics.promql.pretty import format_query  # noqa: E402
from paramedic_metrics.promql.results import Answer, MatrixResult, ScalarResult, VectorResult  # noqa: E402
from paramedic_metrics.promql.tree import tree  # noqa: E402
from paramedic_metrics.series import ABSENT, Frame, Labels, present  # noqa: E402
from support_queries import Queries  # noqa: E402
from support_series import MemorySeries  # noqa: E402

SCRAPES, INTERVAL, PAUSE = 120, 15_000, 0.12
START = 1_700_000_003_217
TOLERANCE = 1e-9
FEATURES = "promql-experimental-functions"
Found = dict[Labels, dict[int, float]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--queries", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-v", action="store_true", help="each difference in full")
    chosen = parser.parse_args()
    missing = [name for name in ("prometheus", "promtool") if not (chosen.directory / name).is_file()]
    if missing:
        print(f"differential: skipped: {chosen.directory} has no {' and no '.join(missing)}")
        return 0
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        frames = recorded(chosen.directory, work)
        count = sum(int(present(frame.values).sum()) for frame in frames)
        print(f"{sum(len(frame.labels) for frame in frames)} series, {count} samples in {len(frames)} scrape groups")
        url = stack.enter_context(loaded(chosen.directory, work, frames))
        values = compared(url, frames, chosen.queries, chosen.seed, verbose=chosen.v)
        return values | texts(url, frames, chosen.queries, chosen.seed)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(command: list[str], ready: str) -> Iterator[None]:
    """A process that answers at `ready`, ended afterwards."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(ready, timeout=5) as answer:
                    answer.read()
                break
            except (urllib.error.URLError, OSError):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"differential: {command[0]} does not answer at {ready}") from None
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(30)


def prometheus(directory: Path, data: Path, port: int) -> list[str]:
    config = data.parent / "prometheus.yml"
    config.write_text("global: {scrape_interval: 15s}\n")
    return [
        str(directory / "prometheus"), f"--config.file={config}", f"--storage.tsdb.path={data}",
        f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=100y",
        f"--enable-feature={FEATURES}", "--log.level=error",
    ]  # fmt: skip


def recorded(directory: Path, work: Path) -> list[Frame]:
    """One frame a target: what its metrics were, scrape by scrape."""
    with ExitStack() as stack:
        port = free_port()
        (work / "first").mkdir()
        command = prometheus(directory, work / "first" / "data", port)
        stack.enter_context(running(command, f"http://127.0.0.1:{port}/-/ready"))
        targets = [("prometheus", f"http://127.0.0.1:{port}")]
        if (directory / "node_exporter").is_file():
            node = free_port()
            command = [str(directory / "node_exporter"), f"--web.listen-address=127.0.0.1:{node}"]
            stack.enter_context(running(command, f"http://127.0.0.1:{node}/"))
            targets.append(("node", f"http://127.0.0.1:{node}"))
        scrapes: dict[str, list[dict[Labels, float]]] = {job: [] for job, _ in targets}
        for place in range(SCRAPES):
            for job, url in targets:
                scrapes[job].append(scraped(f"{url}/metrics", job))
            with urllib.request.urlopen(f"{targets[0][1]}/api/v1/query?query=count(up)*{place}", timeout=10) as answer:
                answer.read()
            time.sleep(PAUSE)
    return [framed(each, START + 4_111 * place, skip=place == 1) for place, each in enumerate(scrapes.values())]


def scraped(url: str, job: str) -> dict[Labels, float]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    found: dict[Labels, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            pairs = {"__name__": sample.name, "job": job, "instance": "one", **sample.labels}
            found[tuple(sorted(pair for pair in pairs.items() if pair[1]))] = float(sample.value)
    return found


def framed(scrapes: list[dict[Labels, float]], start: int, *, skip: bool) -> Frame:
    """The scrapes as one frame, some of them lost, their moments a little off."""
    rng = random.Random(start)
    kept = [place for place in range(len(scrapes)) if not (skip and 50 <= place < 74)]
    labels = sorted({each for place in kept for each in scrapes[place]})
    times = np.array([start + place * INTERVAL + rng.randint(-40, 40) for place in kept], dtype=np.int64)
    values = np.array([[scrapes[place].get(each, ABSENT) for place in kept] for each in labels])
    return Frame(labels, times, values, bool(present(values).all()))


@contextmanager
def loaded(directory: Path, work: Path, frames: list[Frame]) -> Iterator[str]:
    """The address of a Prometheus that has exactly these samples."""
    text, data = work / "samples.txt", work / "data"
    with text.open("w") as file:
        for frame in frames:
            here = present(frame.values)
            for row, labels in enumerate(frame.labels):
                pairs = dict(labels)
                name = pairs.pop("__name__")
                inside = ",".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in pairs.items())
                for column in np.flatnonzero(here[row]):
                    value = float(frame.values[row, column])
                    file.write(f"{name}{{{inside}}} {value!r} {frame.times[column] / 1000:.3f}\n")
        file.write("# EOF\n")
    command = [str(directory / "promtool"), "tsdb", "create-blocks-from", "openmetrics", str(text), str(data)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    port = free_port()
    with running(prometheus(directory, data, port), f"http://127.0.0.1:{port}/-/ready"):
        yield f"http://127.0.0.1:{port}"


def asked(url: str, path: str, parameters: dict[str, str]) -> dict:
    body = urllib.parse.urlencode(parameters).encode()
    try:
        with urllib.request.urlopen(f"{url}/api/v1/{path}", body, timeout=120) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


def theirs(answer: dict) -> Found | str:
    if answer["status"] != "success":
        return str(answer["error"])
    data = answer["data"]
    if data["resultType"] == "scalar":
        return {(): {round(data["result"][0] * 1000): float(data["result"][1])}}
    found: Found = {}
    for each in data["result"]:
        points = each["values"] if "values" in each else [each["value"]]
        found[tuple(sorted(each["metric"].items()))] = {round(at * 1000): float(value) for at, value in points}
    return found


def ours(answer: Answer) -> Found:
    data = answer.data
    if isinstance(data, ScalarResult):
        return {(): {data.time: data.value}}
    if isinstance(data, VectorResult):
        return {labels: {data.time: value} for labels, value in zip(data.labels, data.values.tolist(), strict=True)}
    assert isinstance(data, MatrixResult)
    found: Found = {}
    for row, labels in enumerate(data.labels):
        here = np.ones(len(data.times), dtype=bool) if data.mask is None else data.mask[row]
        found[labels] = dict(zip(data.times[here].tolist(), data.values[row][here].tolist(), strict=True))
    return found


def difference(one: Found | str, other: Found | str) -> str | None:
    """What differs between their answer and ours."""
    if isinstance(one, str) or isinstance(other, str):
        same = isinstance(one, str) and isinstance(other, str)
        return None if same else f"theirs: {str(one)[:200]} ours: {str(other)[:200]}"
    if one.keys() != other.keys():
        return f"series: only theirs {sorted(one.keys() - other.keys())[:3]}, only ours {sorted(other.keys() - one.keys())[:3]}"
    for labels, points in one.items():
        mine = other[labels]
        if points.keys() != mine.keys():
            return f"{labels}: samples at {sorted(points.keys() ^ mine.keys())[:5]} on one side only"
        for at, value in points.items():
            if not near(value, mine[at]):
                return f"{labels} at {at}: theirs {value!r}, ours {mine[at]!r}"
    return None


def near(one: float, other: float) -> bool:
    if one == other or (one != one and other != other):
        return True
    return abs(one - other) <= TOLERANCE * max(abs(one), abs(other))


def texts(url: str, frames: list[Frame], count: int, seed: int) -> int:
    """Queries laid out and taken apart, whole and broken, as Prometheus does it; errors word for word."""
    queries = Queries(seed, [labels for frame in frames for labels in frame.labels])
    options = Options(experimental_functions=True)
    rng = random.Random(seed)
    different = errors = worded = 0
    for number in range(count):
        query = queries.next()
        if number % 2:
            query = broken(query, rng)
        for path, ask in (("format_query", format_query), ("parse_query", lambda text, how: tree(parse(text, how)))):
            said = asked(url, path, {"query": query})
            try:
                found, error = ask(query, options), None
            except ParamedicError as refused:
                found, error = None, str(refused)
            if said["status"] == "success":
                if error or said["data"] != found:
                    different += 1
                    print(f"{path} {query!r}\n    theirs: {said['data']}\n    ours:   {error or found}")
                continue
            errors += 1
            wanted = said["error"].removeprefix('invalid parameter "query": ')
            if error is None:
                different += 1
                print(f"{path} {query!r}\n    theirs: {wanted}\n    ours:   {found}")
            elif error != wanted:
                worded += 1
                if worded <= 20:
                    print(f"(wording) {query!r}\n    theirs: {wanted}\n    ours:   {error}")
    print(f"{2 * count} texts, {errors} of them wrong: {different} differences; {worded} errors are worded differently")
    return 1 if different else 0


def broken(query: str, rng: random.Random) -> str:
    """The query with a small mistake."""
    place = rng.randrange(len(query))
    piece = rng.choice(
        ("", "(", ")", "{", "}", "[", "]", ",", "=", "5m", " by ", "'", "\\", "@", " offset ", "é", "!", "~")
    )
    return query[:place] + piece + query[place + rng.randint(0, 2) :]


def compared(url: str, frames: list[Frame], count: int, seed: int, *, verbose: bool) -> int:
    queries = Queries(seed, [labels for frame in frames for labels in frame.labels])
    engine = Engine(MemorySeries(frames), options=Options(experimental_functions=True))
    rng = random.Random(seed)
    different = failed = empty = points = 0
    spent = [0.0, 0.0]
    for number in range(count):
        query = queries.next()
        start = START + rng.randint(-60_000, SCRAPES * INTERVAL * 3 // 4)
        step = rng.choice((7_000, 15_000, 30_000, 60_000, 113_000))
        end = start + step * rng.randint(0, 100)
        ranged = number % 2 == 0
        moments = {"start": start, "end": end, "step": step} if ranged else {"time": start}
        begun = time.perf_counter()
        said = theirs(
            asked(
                url,
                "query_range" if ranged else "query",
                {"query": query, **{k: str(v / 1000) for k, v in moments.items()}},
            )
        )
        middle = time.perf_counter()
        try:
            found: Found | str = ours(engine.range(query, start, end, step) if ranged else engine.instant(query, start))
        except ParamedicError as error:
            found = str(error)
        spent[0] += middle - begun
        spent[1] += time.perf_counter() - middle
        failed += isinstance(said, str)
        empty += said == {}
        points += 0 if isinstance(said, str) else sum(map(len, said.values()))
        wrong = difference(said, found)
        if wrong:
            different += 1
            print(f"{number}: {query}\n    {moments}\n    {wrong if verbose else wrong[:400]}")
    print(
        f"{count} queries, of which {failed} are errors on both sides and {empty} empty; {points} samples compared: {different} differences"
    )
    print(f"seconds: Prometheus over HTTP {spent[0]:.1f}, our engine {spent[1]:.1f}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
