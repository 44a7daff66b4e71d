"""docker-autoheal's variables mean here what they mean there, under our guards."""

import pytest

from paramedic.cli import main
from paramedic_core.config.load import load
from paramedic_core.errors import ConfigError
from paramedic_core.leave import leave
from paramedic_core.model import Container, State
from paramedic_core.settings import HealerSettings, Mode


def value(settings, dotted):
    for part in dotted.split("."):
        settings = getattr(settings, part)
    return settings


@pytest.mark.parametrize(
    ("name", "given", "dotted", "read"),
    [
        ("AUTOHEAL_CONTAINER_LABEL", "all", "healer.default", Mode.ENFORCE),
        ("AUTOHEAL_CONTAINER_LABEL", "com.example/heal-me", "healer.autoheal_label", "com.example/heal-me"),
        ("AUTOHEAL_CONTAINER_LABEL", "autoheal", "healer.autoheal_label", "autoheal"),
        ("AUTOHEAL_INTERVAL", "5", "healer.backoff_first", 10.0),
        ("AUTOHEAL_INTERVAL", "60", "healer.backoff_first", 60.0),
        ("AUTOHEAL_INTERVAL", "600", "healer.backoff_most", 600.0),
        ("AUTOHEAL_START_PERIOD", "30", "healer.startup_grace", 30.0),
        ("AUTOHEAL_DEFAULT_STOP_TIMEOUT", "25", "runtime.stop_timeout", 25.0),
        ("AUTOHEAL_ONLY_MONITOR_RUNNING", "true", "healer.only_running", True),
        ("AUTOHEAL_ONLY_MONITOR_RUNNING", "false", "healer.only_running", False),
        ("DOCKER_SOCK", "/tmp/docker.sock", "runtime.engine", "unix:///tmp/docker.sock"),
        ("DOCKER_SOCK", "tcp://10.0.0.1:2375", "runtime.engine", "tcp://10.0.0.1:2375"),
    ],
)
def test_each_variable(name, given, dotted, read):
    loaded = load(env={name: given})
    assert value(loaded.settings, dotted) == read
    assert loaded.origins[dotted] == f"environment {name}"


def test_an_empty_variable_says_nothing():
    names = (
        "AUTOHEAL_CONTAINER_LABEL",
        "AUTOHEAL_INTERVAL",
        "WEBHOOK_URL",
        "APPRISE_URL",
        "WEBHOOK_JSON_KEY",
        "CURL_TIMEOUT",
    )
    loaded = load(env=dict.fromkeys(names, ""))
    assert set(loaded.origins.values()) == {"default"}
    assert not loaded.warnings


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("AUTOHEAL_INTERVAL", "soon", "no whole number of seconds"),
        ("AUTOHEAL_START_PERIOD", "-1", "no whole number of seconds"),
        ("AUTOHEAL_DEFAULT_STOP_TIMEOUT", "99999", "1h is the most"),
        ("AUTOHEAL_CONTAINER_LABEL", "a b", "no label's name"),
        ("WEBHOOK_URL", "hooks.example/s3cret", "must begin with http://"),
    ],
)
def test_a_wrong_value_is_a_mistake_with_its_variable(name, given, says):
    with pytest.raises(ConfigError) as caught:
        load(env={name: given})
    assert f"environment {name}" in str(caught.value)
    assert says in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_its_webhooks_are_channels_that_are_told_at_once():
    loaded = load(env={"WEBHOOK_URL": "https://h/x", "APPRISE_URL": "http://a:8000/notify/k"})
    web, apprise = loaded.settings.notify
    assert (web.kind, web.name, web.text_key, web.digest) == ("webhook", "WEBHOOK_URL", "content", 0.0)
    assert (apprise.kind, apprise.name, apprise.text_key, apprise.digest) == ("apprise", "APPRISE_URL", "", 0.0)
    assert loaded.origins["notify"] == "environment WEBHOOK_URL, APPRISE_URL"
    assert any("as docker-autoheal did" in str(w) for w in loaded.warnings)
    assert load(env={"WEBHOOK_URL": "https://h/x", "WEBHOOK_JSON_KEY": "text"}).settings.notify[0].text_key == "text"
    assert load(env={"WEBHOOK_JSON_KEY": "text"}).settings.notify == ()


def test_what_is_said_in_our_own_way_counts_and_that_is_pointed_out(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text("healer: {default: observe}\nnotify: [{kind: ntfy, url: 'https://n/t'}]\n")
    env = {"AUTOHEAL_CONTAINER_LABEL": "all", "WEBHOOK_URL": "https://h/x", "PARAMEDIC_HEALER__STARTUP_GRACE": "1s",
           "AUTOHEAL_START_PERIOD": "9"}  # fmt: skip
    loaded = load([file], env)
    assert loaded.settings.healer.default is Mode.OBSERVE
    assert [c.kind for c in loaded.settings.notify] == ["ntfy"]
    assert loaded.settings.healer.startup_grace == 1.0
    said = [str(w) for w in loaded.warnings]
    assert f"environment AUTOHEAL_CONTAINER_LABEL: healer.default: does not count: {file}:1 says it too" in said
    assert sum("does not count" in w for w in said) == 3


def test_what_has_no_meaning_here_is_said():
    said = [
        str(w) for w in load(env={"AUTOHEAL_INTERVAL": "5", "CURL_TIMEOUT": "3", "POST_RESTART_SCRIPT": "/x"}).warnings
    ]
    assert any("CURL_TIMEOUT" in w and "no meaning" in w for w in said)
    assert any("POST_RESTART_SCRIPT" in w and "is not run" in w for w in said)


def test_they_are_shown_with_their_origin(capsys, monkeypatch):
    monkeypatch.setenv("AUTOHEAL_CONTAINER_LABEL", "all")
    monkeypatch.setenv("AUTOHEAL_INTERVAL", "30")
    assert main(["config", "show", "--effective"]) == 0
    out = capsys.readouterr()
    lines = [" ".join(line.split()) for line in out.out.splitlines()]
    assert "healer.default environment AUTOHEAL_CONTAINER_LABEL enforce" in lines
    assert "healer.backoff_first environment AUTOHEAL_INTERVAL 30s" in lines
    assert "also those nobody has thought of" in out.err


def container(**labels):
    return Container("c" * 64, "web", State.RUNNING, labels=labels)


def test_another_label_gives_leave_and_the_usual_one_does_no_more():
    settings = HealerSettings(autoheal_label="heal-me")
    assert leave(container(**{"heal-me": "true"}), settings, {}).mode is Mode.ENFORCE
    assert leave(container(**{"heal-me": "false"}), settings, {}).mode is Mode.OFF
    assert leave(container(autoheal="true"), settings, {}).mode is Mode.OBSERVE


@pytest.mark.parametrize("word", ["False", "false"])
def test_all_leaves_out_those_that_say_no(word):
    settings = HealerSettings(default=Mode.ENFORCE)
    assert leave(container(), settings, {}).mode is Mode.ENFORCE
    assert leave(container(autoheal=word), settings, {}).mode is Mode.OFF
