"""What is seen of a container instead of the host is said: in real namespaces, and in trees made here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from paramedic_collector.source import Paths
from paramedic_collector.views import own_network, strange
from support_collector import paths, tree

_NET = "a\nb\n  eth0: " + "1 " * 16 + "\n"


def _host(folder: Path) -> Path:
    device = folder.stat().st_dev
    return tree(
        folder,
        {
            "proc/1/comm": "init\n",
            "proc/2/comm": "kthreadd\n",
            "proc/1/mountinfo": f"1 0 {os.major(device)}:{os.minor(device)} / / rw - ext4 /dev/vda rw\n",
            "proc/1/net/dev": _NET,
            "sys/class/net/eth0/operstate": "up\n",
            "sys/class/net/bonding_masters": "\n",
        },
    )


def test_a_host_is_not_strange(tmp_path: Path) -> None:
    assert strange(paths(_host(tmp_path))) == []
    assert not own_network(paths(tmp_path))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"proc/2/comm": "sh\n"}, "collector.path_procfs"),
        ({"proc/1/comm": ""}, "hidepid"),
        ({"proc/1/mountinfo": "1 0 999:1 / / rw - ext4 /dev/vda rw\n"}, "collector.path_rootfs"),
        ({"sys/class/net/wlan0/operstate": "up\n"}, "eth0, wlan0; there eth0"),
    ],
)
def test_each_strange_view_has_its_sentence(change: dict[str, str], said: str, tmp_path: Path) -> None:
    (found,) = strange(paths(tree(_host(tmp_path), change)))
    assert said in found


def test_a_root_on_btrfs_has_numbers_of_its_own(tmp_path: Path) -> None:
    root = tree(_host(tmp_path), {"proc/1/mountinfo": "1 0 0:99 / / rw - btrfs /dev/vda rw\n"})
    assert strange(paths(root)) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")
@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["unshare", "--pid", "--fork", "--mount-proc"], "collector.path_procfs"),
        (
            ["unshare", "--net", "--mount", "sh", "-c", 'mount -t sysfs sysfs /sys && exec "$@"', "sh"],
            "collector.path_sysfs",
        ),
    ],
)
def test_in_real_namespaces(command: list[str], said: str) -> None:
    if strange(Paths()):
        pytest.skip("this machine itself is a container")
    assert shutil.which("unshare")
    code = "import sys; from paramedic_collector.views import strange; from paramedic_collector.source import Paths; print(*strange(Paths()), sep=chr(10))"
    done = subprocess.run(
        [*command, sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert said in done.stdout
