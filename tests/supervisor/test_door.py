"""A role whose address is taken: it lives, says so, and opens it when it is free."""

import contextlib
import http.client
import logging
import socket

from paramedic import door as module
from paramedic.door import Door
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.server import RoleServer, json_response, unix_listener
from support_supervisor import SOON, Running, short_folder, until


def taken():
    return socket.create_server(("127.0.0.1", 0))


def listening(port):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        try:
            connection.request("GET", "/-/healthy")
            return connection.getresponse().status == 200
        except OSError:
            return False


def test_the_role_lives_and_says_why_and_listens_when_it_can():
    with short_folder() as folder, taken() as holder:
        port = holder.getsockname()[1]
        with Running(folder, env={"STANDIN_LISTEN": f"127.0.0.1:{port}"}) as supervisor:
            supervisor.start()
            ready, parts = supervisor.client("collector").verdict("ready")
            assert not ready
            assert f"collector cannot listen on 127.0.0.1:{port}" in parts["listen"]["reason"]
            assert "collector.listen" in parts["listen"]["reason"]
            assert supervisor.client("collector").verdict("healthy")[0]
            assert supervisor.role("collector")["restarts"] == 0
            holder.close()
            until(lambda: supervisor.client("collector").verdict("ready")[0], "it listens")
            until(lambda: listening(port), "it answers there")
            assert supervisor.lines().count("cannot listen on") == 1
            assert supervisor.stop() < SOON


def test_a_taken_address_is_said_once_however_often_it_is_tried(monkeypatch, caplog, tmp_path):
    monkeypatch.setattr(module, "_AGAIN", 0.01)
    tries = []
    monkeypatch.setattr(
        module, "tcp_listener", lambda address, real=module.tcp_listener: tries.append(address) or real(address)
    )
    with taken() as holder, caplog.at_level(logging.INFO):
        address = f"127.0.0.1:{holder.getsockname()[1]}"
        door = Door("collector")
        opened = door.open([address, "127.0.0.1:0"])
        assert len(opened) == 1, "the other one is open"
        routes = {"GET /x": lambda _request: json_response({"x": 1})}
        server = RoleServer(routes, [unix_listener(tmp_path / "s"), *opened])
        door.serve_with(server.add)
        server.start()
        door.start()
        until(lambda: len(tries) > 5, "it tries again")
        assert [r.levelname for r in caplog.records] == ["WARNING"]
        assert RoleClient(tmp_path / "s", "x").get("/x") == {"x": 1}
        assert not door.ready().ready
        holder.close()
        until(lambda: door.ready().ready, "it is open")
        until(lambda: caplog.records[-1].levelname == "INFO", "it says so")
        door.stop()
        server.stop()
    late = taken()
    server.add(late)
    assert late.fileno() == -1, "one that comes after the end is closed"
