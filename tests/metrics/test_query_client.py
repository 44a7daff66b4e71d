"""One client for our hub, a Prometheus and a VictoriaMetrics: the same questions, the same answers."""

from __future__ import annotations

import http.server
import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from paramedic_core.errors import BadInput, LimitExceeded, NotFound, PeerAway, Refused, Temporary
from paramedic_core.sys.query import Query
from support_hub import stand
from support_metrics import exposing
from support_ports import free_port
from support_wait import wait_until

BODY = b'# TYPE a_total counter\na_total{x="1"} 10\na_total{x="2"} 0.5\n'


@contextmanager
def program(*command: str, log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        running = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        yield
    finally:
        running.terminate()
        running.wait(30)


@contextmanager
def ours(config: Path) -> Iterator[str]:
    from paramedic_core.settings import MetricsSettings

    with stand(serve=True, metrics=MetricsSettings(scrape_file=str(config), scrape_interval=1.0)) as found:
        yield f"{found.url}prometheus"


@contextmanager
def prometheus(config: Path) -> Iterator[str]:
    found = shutil.which("prometheus")
    if found is None:
        pytest.skip("there is no prometheus (Debian: prometheus)")
    port = free_port()
    arguments = [
        f"--config.file={config}",
        f"--storage.tsdb.path={config.parent}/p",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with program(found, *arguments, log=config.parent / "prometheus.log"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def victoria(config: Path) -> Iterator[str]:
    found = shutil.which("victoria-metrics")
    if found is None:
        pytest.skip("there is no victoria-metrics (Debian: victoria-metrics)")
    port = free_port()
    arguments = [
        f"-promscrape.config={config}",
        f"-storageDataPath={config.parent}/v",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-search.latencyOffset=0s",
        "-memory.allowedBytes=64MB",
    ]
    with program(found, *arguments, log=config.parent / "victoria.log"):
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("server", [ours, prometheus, victoria], ids=["ours", "prometheus", "victoria-metrics"])
def test_the_same_questions_have_the_same_answers(server: object, tmp_path: Path) -> None:
    with exposing(BODY) as target, ExitStack() as later:
        config = tmp_path / "p.yml"
        config.write_text(
            f"global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs: [{{job_name: j, static_configs: [{{targets: ['{target.address}']}}]}}]\n"
        )
        query = Query(later.enter_context(server(config)), timeout=10)  # type: ignore[operator]

        def there() -> bool:
            try:
                return len(query.instant("count_over_time(a_total[1m]) >= 3").series) == 2
            except (PeerAway, Temporary):
                return False

        wait_until(there, within=60, every=0.2)
        result = query.instant('a_total{x="1"}')
        assert result.kind == "vector"
        assert result.series[0].labels == {"__name__": "a_total", "instance": target.address, "job": "j", "x": "1"}
        assert result.series[0].value == 10.0
        now = time.time()
        over = query.range("sum(a_total)", now - 10, now, 1)
        assert over.kind == "matrix"
        assert over.series[0].labels == {}
        assert over.series[0].value == 10.5
        assert query.instant("1 + 1").series[0].value == 2.0
        assert {labels["x"] for labels in query.series("a_total", start=now - 60, end=now + 60)} == {"1", "2"}
        assert set(query.label_values("x")) == {"1", "2"}
        with pytest.raises((BadInput, LimitExceeded)):
            query.instant("sum(")


@contextmanager
def answering(status: int, body: bytes, length: int = -1) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(length if length >= 0 else len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(30)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"status": "error", "errorType": "bad_data", "error": "no"}, BadInput),
        (401, {"detail": "no"}, Refused),
        (404, {}, NotFound),
        (422, {"status": "error", "error": "too many samples"}, LimitExceeded),
        (503, {"status": "error", "error": "busy"}, Temporary),
        (200, {"status": "success"}, BadInput),
        (200, {"status": "success", "data": {"resultType": "vector"}}, BadInput),
        (200, {"status": "success", "data": {"resultType": "odd", "result": []}}, BadInput),
        (
            200,
            {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1]}]}},
            BadInput,
        ),
        (
            200,
            {"status": "success", "data": {"resultType": "vector", "result": [{"metric": 1, "value": [1, "x"]}]}},
            BadInput,
        ),
        (200, [1], BadInput),
    ],
)
def test_what_is_no_answer_is_an_error(status: int, body: object, error: type[Exception]) -> None:
    with answering(status, json.dumps(body).encode()) as url, pytest.raises(error):
        Query(url).instant("up")


def test_an_answer_that_is_cut_off_and_one_that_is_too_large() -> None:
    with answering(200, b'{"status"', 5000) as url, pytest.raises(PeerAway, match="does not answer"):
        Query(url).instant("up")
    with pytest.raises(PeerAway):
        Query(f"http://127.0.0.1:{free_port()}").instant("up")
    for wrong in ("", "up", "ftp://x", "http://", "http://x/?a=b", "http://x:65536", "http://x:0", "http://x:y"):
        with pytest.raises(BadInput):
            Query(wrong)


def test_a_host_that_no_name_can_be_is_away() -> None:
    for host in ("a..b", f"{'x' * 64}.test"):
        with pytest.raises(PeerAway, match="does not answer"):
            Query(f"http://{host}:80").instant("up")


def test_a_chunk_of_less_than_nothing_is_not_read_until_the_other_side_ends() -> None:
    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n{}")
            while connection.recv(65536):  # until the other side has had enough
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(PeerAway, match="IncompleteRead"):
            Query(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=20).instant("up")
        thread.join(30)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"], ids=["head", "body"]
)
def test_an_answer_that_comes_in_drops_ends_at_the_timeout(head: bytes) -> None:
    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(head)
            while not over.wait(0.05):
                connection.sendall(b" ")

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with pytest.raises(PeerAway, match=r"not whole within 0\.5 s"):
                Query(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=0.5).instant("up")
        finally:
            over.set()
            thread.join(30)


def test_it_needs_no_numpy() -> None:
    done = subprocess.run(
        [
            shutil.which("python3") or "python3",
            "-c",
            "import sys, paramedic_core.sys.query; print('numpy' in sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(__file__).resolve().parents[2] / "core")},
    )
    assert done.stdout.strip() == "False"


def test_our_hub_over_a_real_socket_speaks_http_as_clients_want(tmp_path: Path) -> None:
    with stand(serve=True) as found:
        url = f"{found.url}prometheus/api/v1/query"
        with urllib.request.urlopen(url, data=b"query=vector(1)", timeout=5) as answer:
            assert json.load(answer)["data"]["resultType"] == "vector"
