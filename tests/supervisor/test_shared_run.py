"""Two supervisors on one data directory, as two containers with different roles: each its own, never one twice."""

import contextlib
import os
import stat
import subprocess
import sys

import pytest

from paramedic.console.report import read_report
from paramedic.login import first_token
from paramedic_core.settings import HubSettings, Settings
from paramedic_core.sys.page import page
from paramedic_core.sys.supervision import exposition
from paramedic_core.sys.tokens import TokenStore
from support_supervisor import SOON, Running, short_folder, until

REST = ("dns", "collector", "healer", "logs", "hub")


@pytest.fixture
def folder():
    with short_folder() as path:
        yield path


@contextlib.contextmanager
def beside(first, *roles):
    """Another supervisor on the same data directory, killed in the end."""
    other = first.folder / "other"
    other.mkdir()
    second = Running(other, roles=roles, data=str(first.data)).start(wait=False)
    try:
        yield second
    finally:
        second.process.kill()
        second.process.wait()


def reports(supervisor):
    return sorted(p.name for p in (supervisor.data / "run").glob("supervisor*.json"))


def test_each_has_its_roles_and_its_report(folder):
    with Running(folder, roles=("runtime",)) as first:
        first.start()
        with beside(first, *REST) as second:
            until(lambda: exposition(first.data).count("} 1\n") == 6, "all are told of, and up")
            assert set(read_report(first.data).roles) == {"runtime", *REST}
            assert reports(first) == ["supervisor-dns.json", "supervisor.json"]
            assert second.stop() < SOON
        assert reports(first) == ["supervisor.json"]
        assert set(read_report(first.data).roles) == {"runtime"}


@pytest.mark.parametrize("roles", [("runtime",), ("hub", "runtime"), ()])
def test_a_role_that_another_has_is_refused(folder, roles):
    with Running(folder, roles=("runtime", "healer")) as first:
        first.start()
        with beside(first, *roles) as second:
            assert second.process.wait(40) == 1
            assert f"another paramedic (process {first.process.pid}) runs on" in second.lines()
            assert "the role runtime" in second.lines()
            assert first.all_up()


def test_what_a_killed_one_left_is_forgotten(folder):
    with Running(folder, roles=("runtime",)) as first:
        first.start()
        with beside(first, *REST):
            until(lambda: len(reports(first)) == 2, "two reports")
        assert len(reports(first)) == 2
    with Running(folder, roles=()) as whole:
        whole.start()
        assert reports(whole) == ["supervisor.json"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes pid namespaces")
def test_process_ids_of_another_namespace_mean_nothing(folder):
    with Running(folder, roles=("runtime",)) as first:
        first.start()
        look = "from pathlib import Path; from paramedic.console.report import read_report; import sys;"
        look += "report = read_report(Path(sys.argv[1])); print(report.pid, sorted(report.elsewhere))"
        inside = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", look, str(first.data)]
        done = subprocess.run(inside, capture_output=True, text=True, timeout=30, check=True)
        assert done.stdout.strip() == "0 ['runtime']"
        assert read_report(first.data).pid == first.process.pid


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("1", "http://127.0.0.1:9110/"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/"),
        ("http://box:80", "http://box:80/"),
    ],
)
def test_in_the_image_a_link_is_said_once_and_nothing_is_kept(folder, monkeypatch, caplog, told, shown):
    monkeypatch.setenv("PARAMEDIC_LOGIN_LINK", told)
    settings = Settings(hub=HubSettings(listen="0.0.0.0:9110"))
    for _ in range(2):
        first_token(folder, settings)
    (said,) = [r.getMessage() for r in caplog.records]
    link, _, token = said.rpartition(" ")[2].partition("#")
    assert link == f"{shown}login"
    found = TokenStore(folder / "tokens.json").check(token)
    assert found is not None
    assert found.role == "admin"
    assert sorted(p.name for p in folder.iterdir()) == ["tokens.json"]
    assert token not in (folder / "tokens.json").read_text()
    assert not stat.S_IMODE((folder / "tokens.json").stat().st_mode) & 0o027


@pytest.mark.parametrize(
    ("hub", "shown"),
    [
        (HubSettings(), "http://127.0.0.1:9110/"),
        (HubSettings(listen="[::]:80"), "http://127.0.0.1:80/"),
        (HubSettings(listen="192.0.2.1:9110"), "http://192.0.2.1:9110/"),
        (HubSettings(public_url="https://ops.example/p/"), "https://ops.example/p/"),
    ],
)
def test_where_the_page_is(hub, shown):
    assert page(hub) == shown
