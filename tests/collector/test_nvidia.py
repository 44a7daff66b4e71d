"""NVIDIA GPUs, against a stand-in of the library that is compiled from nvml/stub.c."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from paramedic_core.model import Container
from support_collector import container, process, samples, tree

_STUB = Path(__file__).parent / "nvml/stub.c"
_RUN = """
import json, os, sys
from pathlib import Path
from paramedic_collector.exposition import Exposition, render
from paramedic_collector.source import Context, Paths
from paramedic_collector.sources.nvidia import Nvidia
from paramedic_core.codec import from_plain
from paramedic_core.world import World
given = json.load(sys.stdin)
world, paths, source, found = from_plain(World, given["world"]), Paths(given["root"] + "/proc"), Nvidia(), []
for step in given["steps"]:
    os.environ.update(step.get("set", {}))
    out = Exposition()
    source.collect(Context(paths, step["now"], world, node="gpu1"), out)
    found.append({"text": render([out]), "problem": out.problem})
source.close()
maps = Path("/proc/self/maps").read_text()
print(json.dumps({"steps": found, "loaded": "libnvidia-ml" in maps, "imported": "pynvml" in sys.modules}))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler (Debian: gcc, libc6-dev)")
    folder = tmp_path_factory.mktemp("nvml")
    target = folder / "libnvidia-ml.so.1"
    subprocess.run([compiler, "-shared", "-fPIC", "-Wall", "-Werror", "-o", target, _STUB], check=True)
    return folder


def run(
    root: Path,
    library: Path | None,
    *steps: dict[str, Any],
    containers: tuple[Container, ...] = (),
    driver: bool = True,
) -> dict[str, Any]:
    """Collect so often, each step with more environment; what was given, and what was loaded."""
    from paramedic_core.codec import to_plain
    from support_collector import world

    if driver:
        tree(root, {"proc/driver/nvidia/version": "NVRM version: stub\n"})
    environ = {**os.environ, **({"LD_LIBRARY_PATH": str(library)} if library is not None else {})}
    given = json.dumps({"world": to_plain(world(containers)), "root": str(root), "steps": steps})
    done = subprocess.run(
        [sys.executable, "-c", _RUN], check=False, input=given, env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def of(gpu: int, name: str, more: str = "") -> str:
    """The key of a series of DCGM's."""
    labels = f'DCGM_FI_DRIVER_VERSION="550.54.15",{more}Hostname="gpu1",UUID="GPU-{gpu:08d}",device="nvidia{gpu}",gpu="{gpu}",modelName="NVIDIA Stub 100",pci_bus_id="00000000:{0x65 + gpu:02X}:00.0"'
    return f"DCGM_FI_DEV_{name}{{{labels}}}"


def test_without_a_gpu_nothing_is_told_and_nothing_loaded(tmp_path: Path, library: Path) -> None:
    found = run(tmp_path, library, {"now": 1.0}, driver=False)
    assert found == {"steps": [{"text": "", "problem": ""}], "loaded": False, "imported": False}


def test_without_the_library_nothing_is_told_and_that_is_no_error(tmp_path: Path) -> None:
    found = run(tmp_path, None, {"now": 1.0}, {"now": 2.0})
    assert [step for step in found["steps"] if step != {"text": "", "problem": ""}] == []
    assert not found["loaded"]


def test_dcgms_default_counters_of_two_gpus(tmp_path: Path, library: Path) -> None:
    found = run(tmp_path, library, {"now": 1.0, "set": {"STUB_GPUS": "2"}})
    assert found["loaded"]
    assert found["steps"][0]["problem"] == ""
    values = samples(found["steps"][0]["text"])
    expected = {
        "SM_CLOCK": 1410, "MEM_CLOCK": 1215, "MEMORY_TEMP": 61, "POWER_USAGE": 55.5, "TOTAL_ENERGY_CONSUMPTION": 123456789,
        "PCIE_REPLAY_COUNTER": 3, "GPU_UTIL": 87, "MEM_COPY_UTIL": 31, "ENC_UTIL": 5, "DEC_UTIL": 6, "XID_ERRORS": 0,
        "FB_FREE": 39424, "FB_USED": 1024, "FB_RESERVED": 512, "CORRECTABLE_REMAPPED_ROWS": 4,
        "UNCORRECTABLE_REMAPPED_ROWS": 2, "ROW_REMAP_FAILURE": 1,
    }  # fmt: skip
    assert values == {of(gpu, name): value for name, value in expected.items() for gpu in (0, 1)} | {
        of(gpu, "GPU_TEMP"): 40 + gpu for gpu in (0, 1)
    }


def test_a_card_without_most_counters_has_the_rest(tmp_path: Path, library: Path) -> None:
    found = run(tmp_path, library, {"now": 1.0, "set": {"STUB_OLD": "1"}}, {"now": 2.0})
    for step in found["steps"]:
        names = {key.partition("{")[0].removeprefix("DCGM_FI_DEV_") for key in samples(step["text"])}
        assert names == {"GPU_TEMP", "FB_FREE", "FB_USED", "FB_RESERVED", "XID_ERRORS"}
        assert step["problem"] == ""


def test_a_container_has_what_its_processes_use(tmp_path: Path, library: Path) -> None:
    web, other = container("web", 1, pid=4001), container("other", 2, pid=4003)
    tree(tmp_path, process(web, f"0::/system.slice/docker-{web.id}.scope"))
    files = {f"proc/{pid}/cgroup": f"0::/docker/{c.id}/sub\n" for pid, c in ((4002, web), (4003, other))}
    tree(tmp_path, {**files, "proc/4004/cgroup": "0::/user.slice\n"})
    procs = "0:4001:1000:40,0:4002:500:20,0:4003:100:30,1:4003:7:50,0:4004:9000:15,0:4999:1:10"
    found = run(
        tmp_path,
        library,
        {"now": 1.0, "set": {"STUB_GPUS": "2", "STUB_PROCS": procs}},
        {"now": 2.0},
        containers=(web, other),
    )
    for step in found["steps"]:
        values = {k: v for k, v in samples(step["text"]).items() if k.startswith("container_")}

        def key(name: str, c: Container, gpu: int = 0) -> str:
            return f'container_gpu_{name}{{UUID="GPU-{gpu:08d}",gpu="{gpu}",id="/docker/{c.id}",image="busybox:1",modelName="NVIDIA Stub 100",name="{c.name}"}}'

        assert values == {
            key("memory_used_bytes", web): 1500 << 20, key("processes", web): 2, key("utilization_ratio", web): 0.6,
            key("memory_used_bytes", other): 100 << 20, key("processes", other): 1, key("utilization_ratio", other): 0.3,
            key("memory_used_bytes", other, 1): 7 << 20, key("processes", other, 1): 1, key("utilization_ratio", other, 1): 0.5,
        }  # fmt: skip


def test_with_mig_each_instance_has_its_memory_and_its_containers(tmp_path: Path, library: Path) -> None:
    web = container("web", 1, pid=4001)
    tree(tmp_path, process(web, f"0::/docker/{web.id}"))
    settings = {"STUB_GPUS": "2", "STUB_MIG": "1", "STUB_PROCS": "102:4001:64:0"}
    found = run(tmp_path, library, {"now": 1.0, "set": settings}, containers=(web,))
    values = samples(found["steps"][0]["text"])
    assert of(1, "FB_USED") not in values  # it would count twice
    for instance in (1, 2):
        more = f'GPU_I_ID="{instance}",GPU_I_PROFILE="1g.5gb",'
        assert values[of(1, "FB_FREE", more)] == 4864 - 1536
    assert values[of(0, "FB_USED")] == 1024
    assert values[of(1, "POWER_USAGE")] == 55.5
    used = [key for key, value in values.items() if key.startswith("container_gpu_memory") and value == 64 << 20]
    assert len(used) == 1
    assert 'GPU_I_ID="2"' in used[0]
    assert not any("utilization" in key for key in values)


def test_a_lost_gpu_keeps_its_last_xid_and_hides_no_other(tmp_path: Path, library: Path) -> None:
    steps: list[dict[str, Any]] = [
        {"now": 1.0, "set": {"STUB_GPUS": "2"}},
        {"now": 2.0, "set": {"STUB_XID": "1:79"}},
        {"now": 3.0, "set": {"STUB_LOST": "1"}},
        {"now": 70.0},
        {"now": 71.0, "set": {"STUB_LOST_AT_START": "1"}},
        {"now": 140.0},
        {"now": 141.0, "set": {"STUB_LOST": "", "STUB_LOST_AT_START": ""}},
    ]
    found = run(tmp_path, library, *steps)["steps"]
    values = [samples(step["text"]) for step in found]
    assert [v[of(1, "XID_ERRORS")] for v in values] == [0, 79, 79, 79, 79, 79, 79]
    assert all(v[of(0, "XID_ERRORS")] == 0 and v[of(0, "GPU_TEMP")] == 40 for v in values)
    assert [of(1, "GPU_TEMP") in v for v in values] == [True, True, False, False, False, False, True]
    assert found[2]["problem"] == "GPU 1 (GPU-00000001): GPU is lost"
    assert found[4]["problem"].startswith("GPU 1: ")  # looked at anew, and not there
    assert found[6]["problem"] == ""  # after a reset


def test_a_library_that_cannot_be_initialised_is_an_error_until_it_can(tmp_path: Path, library: Path) -> None:
    steps = ({"now": 1.0, "set": {"STUB_INIT": "18"}}, {"now": 2.0, "set": {"STUB_INIT": "0"}}, {"now": 62.0})
    found = run(tmp_path, library, *steps)["steps"]
    assert ["NVML cannot be initialised" in step["problem"] for step in found] == [True, True, False]
    assert "GPU_TEMP" in found[2]["text"]
