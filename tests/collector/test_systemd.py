"""systemd over D-Bus: a real systemd, for itself and on a real bus; and answers that nobody should trust."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic_collector.dbus import Call, Connection, Refusal
from paramedic_collector.dbuswire import Reader
from paramedic_collector.source import Context, Paths
from paramedic_collector.sources.systemd import Systemd
from paramedic_core.node_settings import SystemdSettings
from paramedic_core.settings import CollectorSettings
from support_bench_collector import peer
from support_collector import NOW, blocks, collect, node_exporter, samples, tree
from support_wait import wait_until

SYSTEMD = Path("/lib/systemd/systemd")
BUS = "/usr/bin/dbus-daemon --session --address=systemd: --nofork --nopidfile --systemd-activation"
UNITS = {
    "units/basic.target": "[Unit]\nDefaultDependencies=no\nWants=dbus.service sleep.service echo.socket often.timer\n",
    # systemd goes on the bus when the units of these names run.
    "units/dbus.socket": "[Socket]\nListenStream={folder}/bus\n",
    "units/dbus.service": "[Unit]\nRequires=dbus.socket\n[Service]\nType=notify\nExecStart=" + BUS + "\n",
    "units/sleep.service": "[Service]\nType=exec\nExecStart=/bin/sleep 600\nRestart=always\nRestartSec=10ms\n",
    "units/broken.service": "[Service]\nType=oneshot\nExecStart=/bin/false\n",
    "units/echo.socket": "[Socket]\nListenStream={folder}/echo\nAccept=yes\n",
    "units/echo@.service": "[Service]\nExecStart=-/bin/cat\nStandardInput=socket\n",
    "units/often.timer": "[Timer]\nOnActiveSec=10ms\nUnit=broken.service\n",
}
SCRIPT = """
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system
export XDG_RUNTIME_DIR={folder} DBUS_SESSION_BUS_ADDRESS=unix:path={folder}/bus SYSTEMD_UNIT_PATH={folder}/units:
export SYSTEMD_LOG_TARGET=console HOME=/root
exec {systemd} --user --unit=basic.target
"""


@pytest.fixture(scope="module")
def systemd() -> Iterator[Path]:
    """The folder of a systemd of its own, which sees a /run of its own: it asks who calls, so no namespace of processes."""
    tools = ("dbus-daemon", "unshare", "systemctl")
    if os.geteuid() != 0 or not SYSTEMD.exists() or not all(map(shutil.which, tools)):
        pytest.skip(f"needs root, {SYSTEMD} and {', '.join(tools)} (Debian: systemd, dbus-daemon)")
    folder = Path(tempfile.mkdtemp(prefix="pmsd-", dir="/tmp"))
    tree(folder, {name: text.format(folder=folder) for name, text in UNITS.items()})
    command = ["unshare", "--mount", "sh", "-c"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, SCRIPT.format(folder=folder, systemd=SYSTEMD)], stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_until(lambda: (folder / "systemd/private").exists() or process.poll() is not None, 20)
        assert process.poll() is None, (folder / "log").read_text()
        yield folder
    finally:
        for pid in reversed(list(_family(process.pid))):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _family(pid: int) -> Iterator[int]:
    """A process and all that descend from it."""
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from _family(int(child))


def _found(folder: Path, **more: object) -> dict[str, float]:
    settings = SystemdSettings(
        enable_restarts_metrics=True, enable_start_time_metrics=True, bus="/systemd/private", private=True
    )
    given_ = SystemdSettings(**{name: more.get(name, getattr(settings, name)) for name in settings.__slots__})  # type: ignore[arg-type]
    context = Context(Paths(rootfs=str(folder)), NOW, settings=CollectorSettings(systemd=given_))
    source = Systemd()
    collect(source, context)
    text = collect(source, context)  # the second time over the connection that is kept
    source.close()
    return samples(text)


def _state(found: dict[str, float], unit: str) -> dict[str, float]:
    start = f'node_systemd_unit_state{{name="{unit}",state="'
    return {key[len(start) :].partition('"')[0]: value for key, value in found.items() if key.startswith(start)}


def test_a_real_systemd_tells_of_its_units(systemd: Path) -> None:
    def settled() -> bool:
        found = _found(systemd)
        return _state(found, "sleep.service").get("active") == 1 and _state(found, "broken.service").get("failed") == 1

    wait_until(settled, 20)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(systemd / "echo"))
        accepted = 'node_systemd_socket_accepted_connections_total{name="echo.socket"}'
        wait_until(lambda: _found(systemd)[accepted] == 1, 20)
        found = _found(systemd)
    assert found['node_systemd_socket_current_connections{name="echo.socket"}'] == 1
    assert found['node_systemd_socket_refused_connections_total{name="echo.socket"}'] == 0
    assert _state(found, "sleep.service") == {
        "active": 1, "activating": 0, "deactivating": 0, "inactive": 0, "failed": 0
    }  # fmt: skip
    assert 'node_systemd_unit_state{name="sleep.service",state="active",type="exec"}' in found
    assert found['node_systemd_units{state="failed"}'] == 1
    assert found['node_systemd_service_restart_total{name="sleep.service"}'] == 0
    assert 1.7e9 < found['node_systemd_timer_last_trigger_seconds{name="often.timer"}'] < 5e9
    assert 1.7e9 < found['node_systemd_unit_start_time_seconds{name="sleep.service"}'] < 5e9
    said = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    assert int(next(value for key, value in found.items() if key.startswith("node_systemd_version"))) == int(said)


def test_over_a_real_bus_it_is_the_same(systemd: Path) -> None:
    wait_until(lambda: _on_the_bus(systemd), 20)
    direct = _found(systemd)
    over_bus = _found(systemd, bus="/bus", private=False)
    assert over_bus.keys() == direct.keys()
    assert _state(over_bus, "sleep.service") == _state(direct, "sleep.service")
    only = _found(systemd, bus="/bus", private=False, unit_include=r"sleep\.service")
    assert {key.partition('name="')[2].partition('"')[0] for key in only if "unit_state" in key} == {"sleep.service"}


def _on_the_bus(folder: Path) -> bool:
    try:
        return bool(_found(folder, bus="/bus", private=False))
    except OSError:
        return False


def test_every_family_is_the_same_as_node_exporters(systemd: Path) -> None:
    binary = node_exporter()
    wait_until(lambda: _on_the_bus(systemd), 20)
    only = ("--collector.disable-defaults", "--collector.systemd")
    more = ("--collector.systemd.enable-restarts-metrics", "--collector.systemd.enable-start-time-metrics")
    settings = SystemdSettings(bus="/bus", enable_restarts_metrics=True, enable_start_time_metrics=True)
    context = Context(Paths(rootfs=str(systemd)), NOW, settings=CollectorSettings(systemd=settings))
    environment = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={systemd}/bus"}
    with peer("node_exporter", binary, *only, *more, environment=environment) as other:
        source = Systemd()
        ours = blocks(collect(source, context))
        theirs = {k: v for k, v in blocks(other.scrape().decode()).items() if k.startswith("node_systemd_")}
        source.close()
    assert len(theirs) == 11
    assert ours == theirs


def test_a_connection_that_ended_since_is_made_anew(systemd: Path) -> None:
    settings = CollectorSettings(systemd=SystemdSettings(bus="/systemd/private", private=True))
    source, context = Systemd(), Context(Paths(rootfs=str(systemd)), NOW, settings=settings)
    first = samples(collect(source, context))
    assert source._connection is not None
    source._connection._socket.shutdown(socket.SHUT_RDWR)
    assert samples(collect(source, context)).keys() == first.keys()
    source.close()


def test_a_unit_that_is_not_there_is_refused_and_the_rest_answered(systemd: Path) -> None:
    connection = Connection(str(systemd / "systemd/private"), bus=False)
    get = ("org.freedesktop.DBus.Properties", "Get")
    manager = Call("/org/freedesktop/systemd1", *get, ("org.freedesktop.systemd1.Manager", "Version"))
    absent = Call("/org/freedesktop/systemd1/unit/no", *get, ("org.freedesktop.systemd1.Unit", "Id"))
    first, second, third = connection.ask([manager, absent, manager])
    connection.close()
    assert first == third
    assert isinstance(second, Refusal)
    assert isinstance(first, tuple)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"REJECTED EXTERNAL\r\n", "does not let uid"),
        (b"x" * 10_000, "does not speak D-Bus"),
        (b"", "closed the connection"),
        (b"OK 1\r\nl\x02\x01\x01\xff\xff\xff\x7f\x01\x00\x00\x00\x00\x00\x00\x00", "too large"),
        (b"OK 1\r\nl\x02\x01\x01\x00\x00\x00\x00\x01\x00\x00\x00\xff\x00\x00\x00" + b"\xff" * 256, "D-Bus"),
    ],
)
def test_what_answers_wrongly_is_left(said: bytes, why: str, tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "bus"))
    listener.listen(1)

    def serve() -> None:
        client, _ = listener.accept()
        client.recv(1000)
        client.sendall(said)
        client.shutdown(socket.SHUT_WR)
        while client.recv(1000):
            pass
        client.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    settings = CollectorSettings(systemd=SystemdSettings(bus="/bus"))
    with pytest.raises((OSError, ValueError), match=why):
        collect(Systemd(), Context(Paths(rootfs=str(tmp_path)), NOW, settings=settings))
    thread.join(30)
    listener.close()


@given(signature=st.text("ybnqiuxtdsogva(){}", max_size=40), data=st.binary(max_size=200))
def test_no_signature_and_no_bytes_break_the_reader(signature: str, data: bytes) -> None:
    try:
        Reader(data, "<", 0).all(signature)
    except ValueError:
        return


def test_deep_and_empty_types_end() -> None:
    with pytest.raises(ValueError, match="D-Bus"):
        Reader(b"\0" * 1000, "<", 0).all("a" * 5000 + "y")
    with pytest.raises(ValueError, match="D-Bus"):
        Reader(b"\0" * 1000, "<", 0).all("(" * 5000)
    nested = b"\x01v\x00" * 50 + b"\x01y\x00\x07"
    with pytest.raises(ValueError, match="D-Bus"):
        Reader(nested, "<", 0).all("v")
    assert Reader(b"\x05\0\0\0hello\0", "<", 0).all("s") == ("hello",)
    assert Reader(b"\0\0\0\x01\0\0\0\0\x07\0\0\0\0\0\0\0", ">", 0).all("a(y)") == ([(7,)],)
