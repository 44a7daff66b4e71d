"""systemd is told when the roles are up, that the loop turns, and when it ends; nobody else is told."""

import socket

import pytest

from paramedic.notify import Notifier
from support_supervisor import Running, short_folder


@pytest.fixture
def place():
    with short_folder() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(folder / "notify"))
        heard.settimeout(15)
        yield folder, heard


def test_ready_alive_stopping(place):
    folder, heard = place
    env = {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "200000"}
    with Running(folder, env=env) as supervisor:
        # Read as it comes, for a socket holds few; how often the loop turns until all are up is the machine's affair.
        supervisor.start(wait=False)
        told = []
        while "READY=1" not in told or told.count("WATCHDOG=1") < 4:
            told.append(heard.recv(200).decode())
        assert set(told) == {"READY=1", "WATCHDOG=1"}
        assert told.count("READY=1") == 1
        supervisor.stop()
        rest = []
        while "STOPPING=1" not in rest:
            rest.append(heard.recv(200).decode())


def test_nothing_without_systemd_and_nothing_for_children(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Notifier().say("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", "/nonexistent/socket")
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    notifier = Notifier()
    assert notifier.interval == 15
    notifier.say("READY=1")
    assert not Notifier().interval


def test_another_process_watchdog_is_not_ours(monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", "@abstract")
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert Notifier().interval == 0
