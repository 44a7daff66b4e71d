"""Configuration from its four sources: who wins, where each value came from, and every mistake at once."""

import pytest

from paramedic_core.config.load import load
from paramedic_core.errors import ConfigError
from paramedic_core.limits import Window
from paramedic_core.settings import Mode, Settings


@pytest.fixture
def write(tmp_path):
    def _write(text, name="paramedic.yaml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return _write


def wrong(*args, **kwargs):
    """The mistakes of a configuration that must not load, as (line, column, path, text)."""
    with pytest.raises(ConfigError) as caught:
        load(*args, **kwargs)
    assert all(str(m) in str(caught.value) for m in caught.value.mistakes)
    return [(m.place.line, m.place.column, m.path, str(m)) for m in caught.value.mistakes]


def test_nothing_given_is_the_defaults():
    loaded = load()
    assert loaded.settings == Settings()
    assert set(loaded.origins.values()) == {"default"}
    assert not loaded.warnings


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "hub:\nhealer:\n", "\ufeffhub:\n", "{}"])
def test_an_empty_file_is_the_defaults(write, text):
    assert load([write(text)]).settings == Settings()


def test_the_later_source_wins_and_origins_tell(write):
    first = write("hub: {streams: 1}\nnode: a\nhealer: {confirm: 1s, default: off}\ncollector: {source_timeout: 1s}\n")
    second = write("hub:\n  streams: 2\ncollector:\n  source_timeout: 2s\nhealer:\n  confirm: 2s\n", "second.yaml")
    loaded = load(
        [first, second],
        env={"PARAMEDIC_COLLECTOR__SOURCE_TIMEOUT": "3s", "PARAMEDIC_HEALER__CONFIRM": "3s", "PARAMEDIC_NODE": "env"},
        sets=["healer.confirm=4s", "node=set"],
        flags={"node": "flag"},
    )
    settings, origins = loaded.settings, loaded.origins
    assert (settings.healer.default, origins["healer.default"]) == (Mode.OFF, f"{first}:3")
    assert (settings.hub.streams, origins["hub.streams"]) == (2, f"{second}:2")
    assert settings.collector.source_timeout == 3
    assert origins["collector.source_timeout"] == "environment PARAMEDIC_COLLECTOR__SOURCE_TIMEOUT"
    assert (settings.healer.confirm, origins["healer.confirm"]) == (4, "--set healer.confirm")
    assert (settings.node, origins["node"]) == ("flag", "flag for node")


def test_mappings_are_joined_entry_by_entry(write):
    path = write("healer:\n  services:\n    web: enforce\n    shop/db: off\n")
    loaded = load(
        [path],
        env={"PARAMEDIC_HEALER__SERVICES__WEB": "observe"},
        sets=["healer.services.my.app=true", "healer.services.007=off"],
    )
    assert loaded.settings.healer.services == {
        "web": Mode.OBSERVE,
        "shop/db": Mode.OFF,
        "my.app": Mode.ENFORCE,
        "007": Mode.OFF,
    }
    assert loaded.origins["healer.services.shop/db"] == f"{path}:4"
    assert "healer.services" not in loaded.origins


@pytest.mark.parametrize("text", ["5 per 15m, 10 per 1d", "[5 per 15m, 10 per day]", '["5 per 15m", "10 / 24h"]'])
def test_a_list_in_one_text(text):
    assert load(env={"PARAMEDIC_HEALER__WINDOWS": text}).settings.healer.windows == (Window(5, 900), Window(10, 86400))


def test_a_mapping_in_one_text():
    expected = {"a": Mode.OFF, "b/c": Mode.ENFORCE}
    assert load(sets=["healer.services=a=off, b/c=enforce"]).settings.healer.services == expected
    assert load(sets=['healer.services={a: off, "b/c": enforce}']).settings.healer.services == expected
    assert "NAME=VALUE" in wrong(sets=["healer.services=a"])[0][3]


def test_every_mistake_at_once_each_with_its_place(write):
    path = write(
        "hub:\n"
        "  listen: 9110\n"
        "  streems: 3\n"
        "healer:\n"
        "  default: enforcee\n"
        "  windows: [5 per 15m, often]\n"
        "  startup_grace: 10\n"
        "  startup_grace: 10s\n"
        "  services: {web: 3}\n"
        "runtime:\n"
        "  default: off\n"
        "  acts_per_target: 5 per 10m\n"
        "colector: {}\n"
    )
    found = wrong([path], env={"PARAMEDIC_HUB__LISTEN": "host"}, sets=["hub.nothing=1"], flags={"data": "here"})
    assert [(line, column, name) for line, column, name, _ in found] == [
        (2, 11, "hub.listen"),
        (3, 3, "hub.streems"),
        (5, 12, "healer.default"),
        (6, 24, "healer.windows[1]"),
        (7, 18, "healer.startup_grace"),
        (8, 3, "startup_grace"),
        (9, 19, "healer.services.web"),
        (11, 3, "runtime.default"),
        (12, 20, "runtime.acts_per_target"),
        (13, 1, "colector"),
        (0, 0, "hub.listen"),
        (0, 0, "hub.nothing"),
        (0, 0, "data"),
    ]
    texts = "\n".join(text for *_, text in found)
    assert f"{path}:3:3: hub.streems: there is no such setting" in texts
    assert "did you mean 'streams'?" in texts
    assert "(allowed: off, observe, approve, enforce): did you mean 'enforce'?" in texts
    assert "10 has no unit: write 10s" in texts
    assert "given twice: it stands in line 7 already" in texts
    assert "there is no such setting here, but there is healer.default" in texts
    assert "did you mean 'collector'?" in texts


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hub: 3", "a section was expected"),
        ("hub: [1]", "a section was expected"),
        ("- hub", "a section was expected"),
        ("just words", "a section was expected"),
        ("node: [a]", "one value was expected, not a list"),
        ("node: {a: b}", "one value was expected, not a mapping"),
        ("node:", "has no value"),
        ("healer: {windows: {a: b}}", "a list was expected"),
        ("healer: {services: [a]}", "a mapping was expected"),
        ("hub: {streams: many}", "no whole number"),
        ("hub: {streams: 1.5}", "no whole number"),
        ("hub: {streams: true}", "no whole number"),
        ("hub: {streams: 1001}", "1000 is the most"),
        ("runtime: {resync: 0s}", "1s is the least"),
        ("runtime: {acts_per_host: 31 per 1h}", "ceiling is 30 per 1h"),
        ("runtime: {acts_per_host: 30 per 59m}", "ceiling is 30 per 1h"),
        ('node: "a\\e[31m"', "control characters"),
        ("data: relative/path", "is relative"),
        ("data: /" + "x" * 100, "too long by"),
        ("collector: {netdev: {device_exclude: '^(veth'}}", "no regular expression: missing )"),
        ("collector: {netdev: {device_exclude: 3}}", "no regular expression"),
        ("collector: {listen: '127.0.0.1:9110'}", "hub.listen has the port 9110 too"),
    ],
)
def test_one_mistake(write, text, says):
    found = wrong([write(text)])
    assert len(found) == 1
    assert says in found[0][3]


@pytest.mark.parametrize("text", ["runtime: {acts_per_target: 3 per 20m}", "runtime: {acts_per_target: 10 per 2h}"])
def test_a_ceiling_may_be_lowered(write, text):
    load([write(text)])


@pytest.mark.parametrize("given", ["hub.listen", "=", "", ".=", "a.b.c.d.e.f.g.h.i.j=1", "hub=1", "x" * 70_000 + "=1"])
def test_malformed_sets(given):
    assert len(wrong(sets=[given])) == 1


def test_environment_names():
    near = wrong(env={"PARAMEDIC_HUB__LISTEM": "x"})[0][3]
    assert "did you mean 'PARAMEDIC_HUB__LISTEN'?" in near
    loaded = load(
        env={
            "PARAMEDIC_DAT": "/x",
            "PARAMEDIC_CONFIG": "a.yaml",
            "PARAMEDIC_FAULTS": "a=b",
            "PARAMEDIC_SERVICE_HOST": "10.0.0.1",
            "PARAMEDIC_PORT": "tcp://10.0.0.1:9110",
            "PARAMEDIC_PORT_9110_TCP_ADDR": "10.0.0.1",
            "HOME": "/root",
        }
    )
    assert [str(w) for w in loaded.warnings] == [
        "environment PARAMEDIC_DAT: names no setting: did you mean PARAMEDIC_DATA?"
    ]


def test_a_missing_file_and_a_wrong_one_are_both_reported(write, tmp_path):
    texts = [text for *_, text in wrong([tmp_path / "none.yaml", write("hub: 1"), tmp_path])]
    assert len(texts) == 3
    assert "No such file" in texts[0]
    assert "Is a directory" in texts[2]


def test_the_flood_is_bounded(write):
    text = "".join(f"nothing{i}: 1\n" for i in range(5000))
    with pytest.raises(ConfigError) as caught:
        load([write(text)])
    assert len(str(caught.value).splitlines()) <= 102
    assert "5000 settings are wrong" in str(caught.value)
