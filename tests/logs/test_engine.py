"""A real container on a real engine: its lines are found, also after it was removed."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading

import msgpack
import pytest

from paramedic_core.errors import NotFound
from paramedic_core.sys.client import RoleClient
from support_paramedic import paramedic
from support_wait import wait_until

pytestmark = [
    pytest.mark.engine,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]


def test_lines_outlive_their_container(private_engine):
    engine = private_engine
    options = ("--label", "com.docker.compose.project=shop", "--label", "com.docker.compose.service=web")
    try:
        engine.run("logs-web", "sh", "-c", "echo one; echo level=error two >&2; sleep 100000", options=options)
        with paramedic(engine.host, roles=("runtime", "logs"), logs__seal_after="0.5s") as p:
            client = RoleClient(p.data / "run/logs.sock", "logs")

            def texts(query):
                return [(line["stream"], line["text"]) for line in client.get(f"/search?{query}")["lines"]]

            both = {("stdout", "one"), ("stderr", "level=error two")}
            wait_until(lambda: set(texts("service=shop/web")) == both, 20)
            engine.run("logs-short", "echo", "gone at once", options=("--rm",))
            wait_until(lambda: texts("text=gone+at") == [("stdout", "gone at once")], 20)
            engine.remove("logs-web")
            engine.run("logs-web", "sh", "-c", "echo three; sleep 100000", options=options)
            wait_until(lambda: set(texts("service=web")) == {*both, ("stdout", "three")}, 20)
            assert texts("container=logs-web&level=error") == [("stderr", "level=error two")]
            p.stop(kill=True)
            p.start()
            wait_until(lambda: set(texts("container=logs-web")) == {*both, ("stdout", "three")}, 20)
            done = p.cli("logs", "search", "shop/web", "-o", "json")
            assert done.returncode == 0, done.stderr
            assert len(json.loads(done.stdout)["lines"]) == 3, done.stderr
            assert "two" in p.cli("logs", "search", "logs-web", "--level", "error").stdout
    finally:
        engine.remove("logs-web", "logs-short")


def test_a_search_says_whose_lines_are_not_read_and_what_there_is_not(private_engine):
    engine = private_engine
    drivers = {"logs-none": "none", "logs-local": "local", "logs-json": "json-file"}
    try:
        for name, driver in drivers.items():
            script = "echo a line; sleep 100000" if name != "logs-json" else "sleep 100000"
            engine.run(name, "sh", "-c", script, options=("--log-driver", driver))
        with paramedic(engine.host, roles=("runtime", "logs")) as p:
            wait_until(
                lambda: drivers.keys() <= {c["name"] for c in p.runtime.get("/world")["world"]["containers"].values()},
                20,
            )
            for name in ("logs-none", "logs-local"):
                done = p.cli("logs", "search", name)
                says = (
                    f"the lines of {name} are not read: its log driver is {drivers[name]}, and only json-file is read"
                )
                assert (done.returncode, done.stdout) == (0, ""), done.stderr
                assert says in done.stderr
                assert "no such line" not in done.stderr
            done = p.cli("logs", "search", "--container", "logs-json")
            assert (done.returncode, done.stderr) == (0, "there is no such line\n")
            done = p.cli("logs", "search", "logs-jsn")
            assert done.returncode == 1
            assert "there is no container or service 'logs-jsn': did you mean 'logs-json'?" in done.stderr
            found = json.loads(p.cli("doctor", "-o", "json").stdout)
            assert "logs-local (local), logs-none (none)" in json.dumps(found)
    finally:
        engine.remove(*drivers)


class Fluentd(threading.Thread):
    """Takes events as Fluentd does."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.events = []
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            plug, _ = self.listener.accept()
            with plug:
                unpacker = msgpack.Unpacker()
                while data := plug.recv(65536):
                    unpacker.feed(data)
                    self.events += [(tag, record) for tag, _, record in unpacker]


def test_a_heal_keeps_its_lines_and_is_told_to_fluentd(private_engine):
    engine, fluentd = private_engine, Fluentd()
    options = (
        "--label", "paramedic.heal=true", "--stop-timeout", "1",
        "--health-cmd", "test -f /tmp/well", "--health-interval", "0.5s", "--health-retries", "1",
    )  # fmt: skip
    try:
        engine.run("logs-ill", "sh", "-c", "touch /tmp/well; echo I am up; exec sleep 100000", options=options)
        engine.wait(lambda: engine.inspect("logs-ill")["State"]["Health"]["Status"] == "healthy")
        with paramedic(engine.host, roles=("runtime", "healer", "logs"), logs__events__fluentd=fluentd.address) as p:
            engine.docker("exec", "logs-ill", "rm", "/tmp/well")
            (closed,) = p.wait_journal("closed", "logs-ill")
            client = RoleClient(p.data / "run/logs.sock", "logs")

            def kinds():
                with contextlib.suppress(NotFound):
                    found = client.get(f"/evidence/{closed['incident']}")["moments"]
                    return [one["kind"] for one in found]

            wait_until(lambda: kinds() == ["opened", "outcome", "closed"], 30, every=0.1)
            found = client.get(f"/evidence/{closed['incident']}")["moments"]
            assert "I am up" in [line["text"] for line in found[1]["lines"]]
            wait_until(lambda: "paramedic.closed" in [tag for tag, _ in fluentd.events], 20)
            told = dict(fluentd.events)["paramedic.closed"]
            assert (told["name"], told["incident"]) == ("logs-ill", closed["incident"])
            assert "I am up" in p.cli("logs", "evidence", closed["incident"]).stdout
    finally:
        fluentd.listener.close()
        engine.remove("logs-ill")
