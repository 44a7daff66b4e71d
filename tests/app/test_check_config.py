"""`check config` and `config show`: what they say, and their exit statuses."""

import json

import pytest


@pytest.fixture
def write(tmp_path):
    def _write(text, name="paramedic.yaml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return _write


def test_a_good_file(run, write):
    answer = run("check", "config", write("node: a\nhealer: {services: {web: enforce}}\n"))
    assert (answer.status, answer.err) == (0, "")
    assert "SUCCESS: 2 settings" in answer.out


def test_a_wrong_file_lists_every_mistake(run, write):
    path = write("hub: {listen: 1}\nnodee: a\n")
    answer = run("check", "config", path)
    assert answer.status == 1
    assert "FAILED: 2 mistakes" in answer.out
    assert f"{path}:2:1: nodee: there is no such setting" in answer.out


def test_findings_alone_are_3(run, write):
    answer = run("check", "config", write("healer: {default: enforce}"))
    assert answer.status == 3
    assert "finding: " in answer.out


def test_files_are_checked_together_too(run, write):
    one, two = write("hub: {listen: '127.0.0.1:80'}"), write("collector: {listen: '127.0.0.1:80'}", "two.yaml")
    assert run("check", "config", one).status == 0
    answer = run("check", "config", one, two)
    assert answer.status == 1
    assert "together: FAILED" in answer.out


def test_one_wrong_among_good_ones_is_1(run, write, tmp_path):
    answer = run("check", "config", write("healer: {default: enforce}"), tmp_path / "none.yaml")
    assert answer.status == 1
    assert "No such file" in answer.out


def test_json(run, write):
    answer = run("check", "config", "-o", "json", write("hub: 1"), write("healer: {default: enforce}", "b.yaml"))
    first, second = json.loads(answer.out)
    assert (first["ok"], len(first["mistakes"]), second["ok"], len(second["findings"])) == (False, 1, True, 1)


def test_escape_sequences_in_a_file_do_not_reach_the_terminal(run, write):
    answer = run("check", "config", write('"\\e[2J\\e[31mnode": 1\nhub: {"li\\u202esten": 1}\n'))
    assert answer.status == 1
    assert answer.out.replace("\n", "").isprintable()


def test_no_file_named_is_wrong_usage(run):
    assert run("check", "config").status == 2


def test_show_tells_each_origin(run, write, monkeypatch, stage):
    monkeypatch.setenv("PARAMEDIC_HUB__STREAMS", "7")
    path = write("healer:\n  windows: [3 per 15m]\n  services: {shop/web: enforce}\n")
    answer = run("config", "show", "-o", "json", "-c", path, "--set", "node=n", "--set", "hub.listen=off")
    assert answer.status == 0
    assert json.loads(answer.out) == {
        "data": {"value": str(stage.data), "origin": "environment PARAMEDIC_DATA"},
        "node": {"value": "n", "origin": "--set node"},
        "hub.listen": {"value": "off", "origin": "--set hub.listen"},
        "hub.streams": {"value": 7, "origin": "environment PARAMEDIC_HUB__STREAMS"},
        "healer.services.shop/web": {"value": "enforce", "origin": f"{path}:3"},
        "healer.windows": {"value": ["3 per 15m"], "origin": f"{path}:2"},
    }
    table = run("config", "show", "--effective", "-c", path).out
    assert "healer.stale_after" in table
    assert "1m30s" in table


def test_a_long_value_widens_no_other_line(run):
    lines = run("config", "show", "--effective").out.splitlines()
    assert lines[0].split() == ["SETTING", "FROM", "VALUE"]
    assert max(len(line) for line in lines) > 300, "a list of names in one regular expression"
    (short,) = [line for line in lines if line.startswith("healer.stale_after")]
    assert len(short) < 100


def test_what_show_writes_as_yaml_is_the_same_configuration(run, write):
    first = run("config", "show", "--effective", "-o", "yaml", "--set", "healer.services.web=off", "--data", "/x").out
    again = run("config", "show", "--effective", "-o", "yaml", "-c", write(first), "--data", "/x").out
    assert again == first
    assert run("check", "config", write(first)).status == 0


def test_show_of_a_wrong_configuration(run, write):
    answer = run("config", "show", "-c", write("hub: {listen: 1}"))
    assert answer.status == 1
    assert "1 setting is wrong" in answer.err
    assert "Traceback" not in answer.err


def test_files_named_by_the_environment(run, write, monkeypatch):
    one, two = write("node: a"), write("log_level: debug", "two.yaml")
    monkeypatch.setenv("PARAMEDIC_CONFIG", f"{one}:{two}")
    shown = json.loads(run("config", "show", "-o", "json").out)
    assert (shown["node"]["value"], shown["log_level"]["origin"]) == ("a", f"{two}:1")
