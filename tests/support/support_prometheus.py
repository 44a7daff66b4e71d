"""A real Prometheus and a real Alertmanager on loopback, with the files that paramedic ships; ended by their pids."""

from __future__ import annotations

import contextlib
import importlib.resources
import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from support_ports import free_port

SHIPPED = Path(str(importlib.resources.files("paramedic_dashboards"))) / "prometheus"
PROGRAMS = ("prometheus", "prometheus-alertmanager")


def missing() -> str:
    """What is not installed, or nothing."""
    return ", ".join(name for name in PROGRAMS if shutil.which(name) is None)


def shorten(value: Any, times: dict[str, str]) -> Any:
    """The same document with each value of a key in `times` replaced; anything else is as it is shipped."""
    if isinstance(value, dict):
        return {k: times.get(k, shorten(v, times)) for k, v in value.items()}
    return [shorten(v, times) for v in value] if isinstance(value, list) else value


@contextlib.contextmanager
def stack(folder: Path, hub: int, collector: int, token: str) -> Iterator[str]:
    """Run both over the shipped files, with ports and waits of the test's own.

    Args:
        folder: where they may write.
        hub: the hub's port.
        collector: the collector's.
        token: a sender's.

    Yields:
        the URL of Prometheus.
    """
    prometheus, alertmanager = free_port(), free_port()
    ports = {"9112": collector, "9110": hub, "9093": alertmanager}
    quick = {"scrape_interval": "1s", "evaluation_interval": "1s", "for": "2s"}
    quick |= {"group_wait": "0s", "group_interval": "1s"}
    (folder / "token").write_text(token)
    for file in SHIPPED.glob("*.yml"):
        text = file.read_text().replace("/etc/prometheus/paramedic.token", str(folder / "token"))
        for shipped, ours in ports.items():
            text = text.replace(f"127.0.0.1:{shipped}", f"127.0.0.1:{ours}")
        (folder / file.name).write_text(yaml.safe_dump(shorten(yaml.safe_load(text), quick)))
    commands = (
        ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
         f"--web.listen-address=127.0.0.1:{prometheus}"],
        ["prometheus-alertmanager", f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/am",
         f"--web.listen-address=127.0.0.1:{alertmanager}", "--cluster.listen-address="],
    )  # fmt: skip
    with contextlib.ExitStack() as later:
        for command in commands:
            log = later.enter_context((folder / f"{command[0]}.log").open("wb"))
            running = subprocess.Popen(command, stdout=log, stderr=log)
            later.callback(running.wait, 30)
            later.callback(running.terminate)
        yield f"http://127.0.0.1:{prometheus}"


def ask(url: str, query: str) -> list[dict[str, Any]]:
    """What Prometheus answers to a query; nothing while it does not answer."""
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query?query={urllib.parse.quote(query)}", timeout=5) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
            return found
    except (OSError, ValueError, KeyError):
        return []
