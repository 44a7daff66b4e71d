"""The real promtool and prometheus_client's parser read what we write."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from paramedic_collector.scrape import Scraper
from paramedic_collector.source import Context
from support_collector import NOW, container, samples, tree, v1, world

_THEIRS = (
    "container_fs_inodes_total ",
    "node_memory_",
    "node_filesystem_files ",
    "node_netstat_",
    "node_sockstat_",
    "node_entropy_",
)


def _everything(tmp_path: Path) -> str:
    """The real node, and containers from a recorded tree."""
    containers = [container(f'c"\n{n}', n, finished_at=NOW) for n in range(3)]
    files: dict[str, str | bytes] = {}
    for c in containers:
        files |= v1(c)
    root = tree(tmp_path, files)
    node = Scraper(lambda: Context(now=NOW))
    from support_collector import paths

    of_containers = Scraper(
        lambda: Context(paths(root), NOW, world(containers)),
        {name: node.sources[name] for name in ("container", "container_state")},
    )
    for name in ("container", "container_state"):
        del node.sources[name]
    text = node.scrape()
    lines = [line for line in of_containers.scrape().splitlines() if "node_scrape_" not in line]
    node.close()
    of_containers.close()
    return text + "\n".join(lines) + "\n"


def test_promtool_accepts_it(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("there is no promtool (Debian: prometheus)")
    text = _everything(tmp_path)
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    complaints = (done.stdout + done.stderr).splitlines()
    # Its taste in names is not node_exporter's and cAdvisor's, whose names these are.
    taste = ("'camelCase'", 'instead of "bits"', 'should not have "_total" suffix')
    other = [c for c in complaints if not (c.startswith(_THEIRS) and c.endswith(taste))]
    assert other == []
    assert done.returncode in (0, 3)  # 3: complaints, and no error of form


def test_prometheus_client_reads_it_back_equal(tmp_path: Path) -> None:
    text = _everything(tmp_path)
    read = [s for family in text_string_to_metric_families(text) for s in family.samples]
    assert sorted(s.value for s in read) == sorted(samples(text).values())
    assert len({(s.name, tuple(sorted(s.labels.items()))) for s in read}) == len(read)
