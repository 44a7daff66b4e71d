"""The role: what it explains, what it keeps on disk, and wrong settings."""

from __future__ import annotations

import os
import time
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from paramedic_core.clock import SystemClock
from paramedic_core.errors import BadInput, ConfigError, NotFound
from paramedic_core.settings import DnsSettings, Settings
from paramedic_dns.explain import everything, explain
from paramedic_dns.keep import Keep
from paramedic_dns.role import build
from paramedic_dns.slim import slim
from paramedic_dns.stats import Stats
from support_dns import ZONE, addresses, ask, server, shop, until, world

WEB = f"web.shop.svc.{ZONE}"


def test_why_an_asker_gets_what_it_gets(tmp_path: Path) -> None:
    with server(tmp_path, shop()) as running:
        host = explain(running, WEB, "A", "127.0.0.1", 5)
        assert {r["value"] for r in host["records"]} == {"172.30.0.2", "172.30.0.3"}
        assert host["asker"]["kind"] == "host"
        sick = next(m for m in host["members"] if m["container"] == "shop_web_3")
        assert (sick["given"], sick["why"]) == ([], "unhealthy")
        far = explain(running, WEB, "A", "loner", 5)
        assert far["asker"] | {"asks_at": ""} == {
            "kind": "container", "address": "172.31.0.2", "asks_at": "", "container": "loner", "project": "default",
            "networks": ["back"],
        }  # fmt: skip
        assert "no shared network" in far["why"]
        assert {m["why"] for m in far["members"]} == {"no shared network", "unhealthy"}
        assert explain(running, WEB, "A", "203.0.113.9", 5)["rcode"] == "REFUSED"
        assert explain(running, "www.example", "A", "127.0.0.1", 5)["by"] == "forward"
        assert "3" in explain(running, WEB, "TXT", "127.0.0.1", 5)["records"][1]["value"]
        back = explain(running, "2.0.30.172.in-addr.arpa", "PTR", "127.0.0.1", 5)
        assert back["records"][0]["value"] == f"1.{WEB}."


@pytest.mark.parametrize(("name", "kind"), [("", "A"), ("a..b", "A"), ("ü", "A"), (WEB, "NONSENSE")])
def test_what_cannot_be_explained(tmp_path: Path, name: str, kind: str) -> None:
    with server(tmp_path, shop()) as running, pytest.raises(BadInput):
        explain(running, name, kind, "127.0.0.1", 5)


def test_an_asker_that_is_not_there(tmp_path: Path) -> None:
    with server(tmp_path, shop()) as running:
        with pytest.raises(NotFound, match="no container 'nope' on this host"):
            explain(running, WEB, "A", "nope", 5)
        assert explain(running, WEB, "A", "2001:db8::1", 5)["rcode"] == "REFUSED", "an address is a stranger"


def test_nothing_to_explain_before_anything_is_known(tmp_path: Path) -> None:
    with server(tmp_path) as running, pytest.raises(NotFound, match="nothing is known"):
        everything(running)


def test_all_names(tmp_path: Path) -> None:
    with server(tmp_path, shop()) as running:
        shown = everything(running)
        by_name = {r["name"]: r for r in shown["records"]}
        assert by_name[f"{WEB}."]["rule"] == "service"
        assert len(by_name[f"{WEB}."]["members"]) == 3
        assert shown["listen"] == [f"127.0.0.1:{running.settings.port}"]
        assert not shown["from_disk"]


def test_the_last_world_outlives_the_role(tmp_path: Path) -> None:
    with server(tmp_path, shop()):
        until((tmp_path / "world").exists)
        assert oct((tmp_path / "world").stat().st_mode & 0o777) == "0o600"
    with server(tmp_path) as again:
        assert len(addresses(ask(again, WEB))) == 2
        assert "before this role started" in again.ready().reason
        again.take(shop())
        until(lambda: not again.from_disk)
        assert again.ready().reason == ""


def test_writes_are_bounded_and_the_last_one_counts(tmp_path: Path) -> None:
    keep = Keep(tmp_path / "world", Stats(), every=0.4)
    keep.start()
    written = set()
    end = time.monotonic() + 1.0
    for n in range(10**6):
        keep.offer(slim(world(version=n)))
        if (tmp_path / "world").exists():
            written.add((tmp_path / "world").stat().st_ino)
        if time.monotonic() > end:
            break
        time.sleep(0.005)
    keep.stop()
    assert len(written) <= 4
    last = Keep(tmp_path / "world", Stats()).load()
    assert last is not None
    assert last.version == n


@pytest.mark.parametrize("content", [b"", b"junk", zlib.compress(b"[1]"), zlib.compress(b'{"host": 7}')])
def test_a_damaged_file_is_told_and_passed_over(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "world").write_bytes(content)
    with server(tmp_path) as running:
        assert running.zone is None
        assert "cannot be used" in running._keep.ready().reason


def test_a_disk_that_cannot_be_written_stops_no_name(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    with server(folder, shop()) as running:
        assert len(addresses(ask(running, WEB))) == 2
        until(lambda: "cannot be written" in running._keep.ready().reason)
        assert running.stats.get("paramedic_dns_persist_failures_total") >= 1
        assert running.ready().ready


@pytest.mark.parametrize("zone", ["internal", "", "a..b", "x" * 64 + ".y", "ü.internal", "a." * 40 + "b"])
def test_wrong_zones_are_wrong_settings(tmp_path: Path, zone: str) -> None:
    with pytest.raises(ConfigError, match=r"dns\.zone"):
        build(Settings(dns=DnsSettings(zone=zone)), tmp_path, "host1", SystemClock())


def test_building_opens_nothing_but_its_folder(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    built = build(Settings(), tmp_path, "host1", SystemClock())
    assert (tmp_path / "dns").stat().st_mode & 0o777 == 0o700
    assert len(os.listdir("/proc/self/fd")) - before <= 2, "epoll and its wake-up"
    for component in reversed(built.components):
        component.stop()
    assert len(os.listdir("/proc/self/fd")) == before


def test_names_that_stay_as_they_are_are_not_old(tmp_path: Path) -> None:
    with server(tmp_path, replace(shop(), at=time.time() - 3600)) as running:
        assert everything(running)["age"] > 3500
        running.confirmed = lambda: time.time() - 1
        assert everything(running)["age"] < 60
