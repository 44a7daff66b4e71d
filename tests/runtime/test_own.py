"""Which container we run in."""

import pytest

from paramedic_core.errors import EngineAway
from paramedic_runtime.find import engine_address
from paramedic_runtime.own import own_ids

A, B = "a1" * 32, "b2" * 32


def proc(folder, cgroup="", mountinfo=""):
    (folder / "cgroup").write_text(cgroup)
    (folder / "mountinfo").write_text(mountinfo)
    return folder


def test_on_a_host(tmp_path):
    shm = f"900 800 0:60 / /var/lib/docker/containers/{B}/mounts/shm rw - tmpfs shm rw\n"
    assert own_ids(proc(tmp_path, "0::/user.slice\n", shm), "myhost") == frozenset()


def test_cgroup_v1(tmp_path):
    assert own_ids(proc(tmp_path, f"12:pids:/docker/{A}\n0::/docker/{A}\n"), "web") == {A}
    assert own_ids(proc(tmp_path, f"0::/system.slice/docker-{A}.scope\n"), "web") == {A}


def test_cgroup_v2_by_what_the_engine_mounts(tmp_path):
    line = f"700 600 254:1 /var/lib/docker/containers/{A}/hostname /etc/hostname rw,relatime - ext4 /dev/vda1 rw\n"
    assert own_ids(proc(tmp_path, "0::/\n", line), "web") == {A}


def test_by_the_host_name(tmp_path):
    assert own_ids(proc(tmp_path), "a1a1a1a1a1a1") == {"a1a1a1a1a1a1"}
    assert own_ids(tmp_path / "nothing", "db1") == frozenset()


def test_where_the_engine_is():
    def found(setting="", environment=None, there=()):
        return engine_address(setting, environment or {}, lambda path: path in there)

    assert found("unix:///a.sock", {"DOCKER_HOST": "unix:///b.sock"}) == "unix:///a.sock"
    assert found("/a.sock") == "unix:///a.sock"
    assert found("", {"DOCKER_HOST": "tcp://1.2.3.4:2376"}) == "tcp://1.2.3.4:2376"
    assert found("", {}, ["/var/run/docker.sock"]) == "unix:///var/run/docker.sock"
    assert (
        found("", {"XDG_RUNTIME_DIR": "/run/user/7"}, ["/run/user/7/docker.sock"]) == "unix:///run/user/7/docker.sock"
    )
    with pytest.raises(EngineAway, match=r"apt-get install docker\.io"):
        found()
