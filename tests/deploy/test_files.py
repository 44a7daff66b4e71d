"""The files of deploy/ say what they promise, and only settings and roles that there are."""

from __future__ import annotations

import re

import pytest
import yaml

from paramedic.roles import SPECS
from paramedic_core.config.load import load
from paramedic_core.sys.identity import GID
from support_repo import ROOT, packages

SMALL, FULL = (yaml.safe_load((ROOT / f"deploy/compose/{name}.yaml").read_text()) for name in ("small", "full"))
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()
EVERY = [
    pytest.param(service, id=f"{form['name']}-{name}")
    for form in (SMALL, FULL)
    for name, service in form["services"].items()
]
ROLES = FULL["services"]["roles"]
RUNTIME, NAMES = FULL["services"]["runtime"], FULL["services"]["names"]


def test_the_image_can_check_the_certificates_of_those_it_tells() -> None:
    first = DOCKERFILE.partition(" AS python")[2].partition("FROM ")[0]
    assert "ca-certificates" in first, "messages go by https, and the last stage is made from this one"
    assert DOCKERFILE.rindex("FROM python\n") > DOCKERFILE.rindex(" AS build")


def mounts(service: dict) -> dict[str, str]:
    """Where → what, for `WHAT:WHERE[:OPTIONS]`."""
    found = {}
    for line in service["volumes"]:
        what, where, *_ = re.sub(r"\$\{[^}]*\}", "socket", line).split(":")
        found[where] = what
    return found


@pytest.mark.parametrize("service", EVERY)
def test_every_container_is_hardened(service: dict) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"]
    assert service["mem_limit"]
    assert service["group_add"] == [str(GID)]
    assert "privileged" not in service
    assert not {"SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "DAC_OVERRIDE"} & set(service["cap_add"])
    assert "paramedic.role" in service["labels"], "without it, it could act on itself"


@pytest.mark.parametrize("service", EVERY)
def test_only_the_hosts_loopback_is_published(service: dict) -> None:
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_runtime_has_the_socket_and_no_network_and_the_roles_the_other_way_round() -> None:
    assert mounts(RUNTIME)["/run/docker.sock"] == "socket"
    assert RUNTIME["network_mode"] == "none"
    assert "ports" not in RUNTIME
    assert "socket" not in mounts(ROLES).values()
    assert not any("docker" in where for where in mounts(ROLES))
    assert any(entry.startswith("/host/run") for entry in ROLES["tmpfs"]), "the host's sockets are hidden"
    assert "network_mode" not in ROLES


def test_names_have_the_hosts_network_and_nothing_else_of_the_hosts() -> None:
    assert NAMES["network_mode"] == "host"
    assert "ports" not in NAMES
    lines = NAMES["volumes"]
    assert all(line.split(":")[0] in FULL["volumes"] for line in lines), "its own volumes alone"
    assert "trust:/var/lib/paramedic:ro" in lines
    assert mounts(NAMES) == {
        f"/var/lib/paramedic{at}": what for at, what in (("", "trust"), ("/run", "run"), ("/dns", "dns"))
    }
    assert set(NAMES["cap_add"]) <= {*ROLES["cap_add"], "NET_BIND_SERVICE"} - {"DAC_READ_SEARCH"}


def test_each_role_runs_once() -> None:
    said = [word for service in (RUNTIME, ROLES, NAMES) for word in service["command"] if word not in ("run", "--role")]
    assert sorted(said) == sorted(spec.name for spec in SPECS)


def test_the_roles_may_not_write_what_runtime_trusts() -> None:
    lines = ROLES["volumes"]
    assert "trust:/var/lib/paramedic:ro" in lines
    assert "runtime" not in mounts(ROLES).values()
    assert all(":ro" in line for line in lines if line.startswith("/"))
    for spec in SPECS:
        home = f"/var/lib/paramedic/{spec.name}"
        assert (home in mounts(ROLES)) is (spec.folder and spec.name not in ("runtime", "dns")), home


@pytest.mark.parametrize("folder", ["run", *(spec.name for spec in SPECS if spec.folder)])
def test_the_image_has_each_folder_for_a_volume_that_is_read_only(folder: str) -> None:
    made = re.search(r"mkdir (run [a-z ]+)", DOCKERFILE)
    assert made is not None
    assert folder in made[1].split()


def test_environment_variables_are_settings() -> None:
    said = dict(re.findall(r"(PARAMEDIC_\w+)=(\S+)", DOCKERFILE))
    assert said["PARAMEDIC_HUB__LISTEN"] == "0.0.0.0:9110"
    for more in (
        {},
        {"PARAMEDIC_DNS__PORT": NAMES["environment"]["PARAMEDIC_DNS__PORT"].strip("${}").partition(":-")[2]},
        ROLES["environment"],
    ):
        loaded = load(env={**said, **more})
        assert not [str(w) for w in loaded.warnings if "names no setting" in str(w)]
    assert loaded.settings.logs.path_rootfs == loaded.settings.collector.path_rootfs == "/host"


def test_the_build_context_has_every_part() -> None:
    wanted = {f"!{package.parts[0]}" for package in packages()}
    assert wanted <= set((ROOT / ".dockerignore").read_text().split())


def test_build_settings_stay_out_of_the_image() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert "PIP_" not in last
    assert "ARG" not in last
    assert "pip" not in last


def test_the_unit_keeps_the_roles_folders_theirs() -> None:
    unit = (ROOT / "deploy/systemd/paramedic.service").read_text()
    said = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line and not line.startswith("#"))
    assert "StateDirectory" not in said, "systemd would give all of it to root at each start"
    assert said["ReadWritePaths"] == "-/var/lib/paramedic"
    assert said["Type"] == "notify"
    assert int(said["WatchdogSec"]) >= 30
    assert "UMask" not in said, "the supervisor's report is for the hub too"
    assert not {"CAP_SYS_ADMIN", "CAP_SYS_TIME", "CAP_NET_ADMIN"} & set(said["CapabilityBoundingSet"].split())
