"""Names, labels and files that somebody else wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from paramedic_collector.exposition import MOST_LABEL, Exposition, render
from paramedic_collector.scrape import Scraper
from paramedic_collector.source import Context
from paramedic_collector.sources.container import Containers
from support_collector import NOW, collect, container, paths, samples, tree, v2, world

WORDS = [
    '"',
    "\\",
    "\n",
    'a"} 1\nevil{x="',
    "ünïcødé ☃ \U0001f680",
    "\x00\x07\x1b[31m",
    "\ud800",
    "x" * (1 << 20),
    "{}",
    "",
]


@pytest.mark.parametrize("word", WORDS, ids=range(len(WORDS)))
def test_hostile_names_and_labels_stay_inside_their_quotes(word: str, tmp_path: Path) -> None:
    c = container(word, image=word, labels={"com.docker.compose.service": word, word or "x": "y"})
    context = Context(paths(tree(tmp_path, v2(c))), NOW, world([c]), node=word, labels=(word,))
    scraper = Scraper(lambda: context)
    text = scraper.scrape()
    scraper.close()
    text.encode("utf-8")
    assert "\nevil" not in text
    assert all(len(line) < 10 * MOST_LABEL for line in text.splitlines())
    found = {s.name: s.labels for f in text_string_to_metric_families(text) for s in f.samples}
    readable = word[:MOST_LABEL].encode("utf-8", "replace").decode()
    assert found["container_memory_rss"]["name"] == readable
    assert found["container_state"]["image"] == readable
    assert found["node_meta"]["node_name"] == readable


OWN = (
    "stat",
    "meminfo",
    "loadavg",
    "diskstats",
    "1/net/dev",
    "1/mountinfo",
    "1/net/netstat",
    "1/net/snmp",
    "1/net/snmp6",
    "1/net/sockstat",
    "1/net/sockstat6",
    "1/net/softnet_stat",
    "1/net/arp",
    "1/net/udp",
    "vmstat",
    "pressure/memory",
    "sys/fs/file-nr",
    "sys/kernel/random/entropy_avail",
    "sys/kernel/random/poolsize",
)
"""Files of this machine."""
MADE = {
    "schedstat": b"version 17\ncpu0 0 0 0 0 0 0 1 2 3\n",
    "mdstat": b"Personalities : [raid1]\nmd0 : active raid1 sda1[0] sdb1[1]\n      9 blocks [2/2] [UU]\n      \nunused devices: <none>\n",
    "1/net/stat/nf_conntrack": b"entries searched found\n00000021 0 1\n",
    "sys/net/netfilter/nf_conntrack_count": b"1\n",
    "sys/net/netfilter/nf_conntrack_max": b"2\n",
}
FILES = (*OWN, *MADE, "101/cgroup", "101/net/dev")


def _real() -> dict[str, bytes]:
    return {f"proc/{name}": Path("/proc", name).read_bytes() for name in OWN} | {
        f"proc/{name}": content for name, content in MADE.items()
    }


@pytest.mark.parametrize(
    "broken", [b"", b"\x00\xff\n", b"cpu0 a b c\nintr x\nMemTotal: y kB\n", b" 8 0 sda x\n", b"\n" * 9]
)
@pytest.mark.parametrize("name", FILES)
def test_a_broken_file_fails_its_own_source_alone(name: str, broken: bytes, tmp_path: Path) -> None:
    c = container()
    root = tree(tmp_path, {**_real(), **v2(c), f"proc/{name}": broken})
    scraper = Scraper(lambda: Context(paths(root), NOW, world([c])))
    found = samples(scraper.scrape())
    scraper.close()
    failed = {key for key, value in found.items() if "collector_success" in key and value == 0}
    assert len(failed) <= 3  # each feeds the cgroups' root, the machine, or two of the node's
    assert "node_uname_info" in {key.partition("{")[0] for key in found}


@given(data=st.binary(max_size=300), name=st.sampled_from((*OWN, *MADE)))
def test_no_bytes_in_a_file_break_the_scrape(data: bytes, name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tree(tmp_path_factory.mktemp("fuzz"), _real() | {f"proc/{name}": data})
    scraper = Scraper(lambda: Context(paths(root), NOW))
    list(text_string_to_metric_families(scraper.scrape()))
    scraper.close()


def test_a_process_that_vanishes_between_two_reads_is_a_death_and_no_error(tmp_path: Path) -> None:
    c = container()
    root = tree(tmp_path, v2(c))
    source, context = Containers(), Context(paths(root), NOW, world([c]))
    assert collect(source, context)
    (root / "proc/101/net/dev").unlink()
    out = Exposition()
    source.collect(context, out)
    assert (out.lines, out.problem, source.deaths, source.running) == ({}, "", 1, 0)


def test_one_container_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    good, bad = container("good", 1), container("bad", 2)
    broken = {f"sys/fs/cgroup/system.slice/docker-{bad.id}.scope/memory.current": "many\n"}
    root = tree(tmp_path, {**v2(good), **v2(bad), **broken})
    out = Exposition()
    Containers().collect(Context(paths(root), NOW, world([bad, good])), out)
    text = render([out])
    assert 'name="good"' in text
    assert 'container_memory_usage_bytes{id="/docker/' + bad.id not in text
    assert 'container_memory_working_set_bytes{id="/docker/' + bad.id not in text
    assert 'container_memory_rss{id="/docker/' + bad.id in text  # its other files are good
    assert out.problem.startswith("1 of 2 cgroups could not be read well, as bad: ")
