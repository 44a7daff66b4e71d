"""`paramedic metrics`."""

from __future__ import annotations

from pathlib import Path

import pytest

from paramedic.cli import main
from paramedic_core.codec import to_plain
from paramedic_core.sys.identity import socket_path
from paramedic_core.sys.server import RoleServer, json_response, unix_listener
from support_collector import container, samples, tree, v2, world


def _call(capsys: pytest.CaptureFixture[str], data: Path, *args: str) -> tuple[int, dict[str, float], str]:
    status = main(["metrics", "--data", str(data), *args])
    out, err = capsys.readouterr()
    return status, samples(out), err


def test_without_paramedic_it_prints_the_node(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, found, err = _call(capsys, tmp_path)
    assert status == 0
    assert "node_load1" in found
    assert "paramedic is not running" in err
    assert not any(key.startswith("container_") and 'name=""' not in key for key in found)  # but the host's own cgroups


def test_with_other_paths_and_runtimes_world(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    c = container()
    root = tree(tmp_path, {**v2(c), "proc/loadavg": "1.5 2 3 1/1 1\n", "proc/stat": "intr 1\n", "run/x": ""})
    runtime = RoleServer(
        {"GET /world": lambda _request: json_response({"world": to_plain(world([c]))})},
        [unix_listener(socket_path(tmp_path, "runtime"))],
    )
    runtime.start()
    try:
        paths = [f"--path.{name}={root}/{name[:-2]}" for name in ("procfs", "sysfs")]
        status, found, err = _call(capsys, tmp_path, *paths, f"--path.rootfs={root}")
    finally:
        runtime.stop()
    assert found["node_load1"] == 1.5
    assert any(key.startswith("container_memory_rss") for key in found)
    assert any(key.startswith("container_state") for key in found)
    # This /proc lacks most files: each of their sources is named, with its reason.
    assert status == 3
    assert "meminfo: FileNotFoundError" in err
    assert "loadavg" not in err
