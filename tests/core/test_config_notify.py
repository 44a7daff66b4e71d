"""Channels of messages in the configuration: entries of a list, each mistake with its place, and no secret shown."""

import json

import pytest

from paramedic.cli import main
from paramedic_core.codec import from_plain, to_plain
from paramedic_core.config.load import load
from paramedic_core.config.shown import shown
from paramedic_core.errors import ConfigError
from paramedic_core.settings import Channel, Settings, Told


@pytest.fixture
def write(tmp_path):
    def _write(text):
        path = tmp_path / "paramedic.yaml"
        path.write_text(text)
        return path

    return _write


def mistakes(path):
    with pytest.raises(ConfigError) as caught:
        load([path])
    return [str(m).removeprefix(f"{path}:") for m in caught.value.mistakes]


def test_entries_are_read_with_their_defaults(write, tmp_path):
    secret = tmp_path / "token"
    secret.write_text("tk_123\n")
    loaded = load(
        [
            write(f"""
notify:
  - kind: ntfy
    url: https://ntfy.sh/my-topic
    token_file: {secret}
    gets: [gave_up, failed]
  - {{name: ops, kind: webhook, url: 'https://h.example/x?y=1', digest: 10m, text_key: text, timeout: 3s}}
heartbeat: {{url: 'https://ping.example/uuid'}}
""")
        ]
    )
    phone, ops = loaded.settings.notify
    assert (phone.kind, phone.title, phone.token, phone.gets) == ("ntfy", "ntfy", "tk_123", (Told.GAVE_UP, Told.FAILED))
    assert (ops.title, ops.digest, ops.text_key, ops.timeout) == ("ops", 600.0, "text", 3.0)
    assert (phone.digest, ops.gets) == (3600.0, tuple(Told))
    assert loaded.settings.heartbeat.url == "https://ping.example/uuid"
    assert from_plain(Settings, json.loads(json.dumps(to_plain(loaded.settings)))) == loaded.settings


def test_every_mistake_of_every_entry_at_once(write):
    found = mistakes(write("""notify:
  - {kind: ntfy, url: https://ntfy.sh/t, token_file: /no/such/file}
  - kind: webhok
    url: ftp://s3cret@x/y
    gets: [failed, refsed]
    digst: 1h
  - {name: x}
  - just a text
heartbeat: {url: nowhere, interval: 1}
"""))  # fmt: skip
    assert found == [
        "2:54: notify[0].token_file: /no/such/file cannot be read: No such file or directory",
        "3:11: notify[1].kind: 'webhok' is not known here (allowed: webhook, ntfy, apprise): did you mean 'webhook'?",
        "4:10: notify[1].url: must begin with http:// or https://",
        "5:20: notify[1].gets[1]: 'refsed' is not known here (allowed: failed, refused, gave_up, healed): did you mean 'refused'?",
        "6:5: notify[1].digst: there is no such setting in an entry (allowed: kind, url, name, token, gets, digest, text_key, timeout): did you mean 'digest'?",
        "7:5: notify[2].kind: is missing: every entry needs it",
        "7:5: notify[2].url: is missing: every entry needs it",
        "8:5: notify[3]: a section was expected: settings indented below it, each as NAME: VALUE",
        "9:18: heartbeat.url: must begin with http:// or https://",
        "9:37: heartbeat.interval: 1 has no unit: write 1s for seconds, or a unit of ms s m h d w",
    ]


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ("[{kind: ntfy, url: 'https://ntfy.sh/'}]", "notify[0].url: names no topic"),
        ("[{kind: ntfy, url: 'https://a/b'}, {kind: ntfy, url: 'https://a/c'}]", "notify[0] is called ntfy too"),
        ("[{kind: ntfy, url: 'https://a/b', text_key: x}]", "notify[0].text_key: is a webhook's"),
        ("[{kind: webhook, url: ''}]", "notify[0].url: is empty"),
        ("[{kind: webhook, url: 'https://a/b', name: 'a b'}]", "notify[0].name: a name has letters"),
        ("[{kind: webhook, url: 'https://u:p@a/b', token: t}]", "notify[0].token: the URL names a user as well"),
        (str([{"kind": "webhook", "url": "https://a/b", "name": f"n{n}"} for n in range(17)]), "16 are the most"),
    ],
)  # fmt: skip
def test_what_no_single_value_shows(write, entries, says):
    assert any(says in m for m in mistakes(write(f"notify: {entries}")))


@pytest.mark.parametrize(
    "url", ["http://", "https://:80/", "https://h:99999/", "https://h/a b", "https://h/ä", "https://h/#x", "//h/x",
            "https://[::1/x", 70707, "https://h/" + "x" * 3000],
)  # fmt: skip
def test_what_is_no_url_is_refused_and_never_quoted(url, write):
    (found,) = mistakes(write(f"notify: {json.dumps([{'kind': 'webhook', 'url': url}])}"))
    assert "notify[0].url" in found
    assert str(url) not in found.replace("https://HOST/PATH", "").replace("http:// or", "")


def test_a_token_in_the_open_is_pointed_out():
    texts = {"http://far.example/x": True, "https://far.example/x": False, "http://127.0.0.1/x": False}
    for url, warned in texts.items():
        entry = json.dumps([{"kind": "webhook", "url": url, "token": "t"}])
        found = [str(w) for w in load(env={"PARAMEDIC_NOTIFY": entry}).warnings]
        assert any("readable by others" in w for w in found) is warned, url


def test_no_secret_is_shown(write, capsys):
    path = write(
        "notify: [{kind: webhook, url: 'https://h/s3cret', token: s3cret}]\nheartbeat: {url: 'https://h/s3cret'}"
    )
    for form in ("table", "json", "yaml"):
        assert main(["config", "show", "--effective", "-c", str(path), "-o", form]) == 0
    out = capsys.readouterr()
    assert "s3cret" not in out.out + out.err
    assert "(hidden)" in out.out
    assert "s3cret" not in repr(load([path]).settings)


def test_it_can_stand_in_one_environment_variable():
    loaded = load(env={"PARAMEDIC_NOTIFY": "[{kind: ntfy, url: 'https://n/t'}]"})
    assert loaded.settings.notify == (Channel("ntfy", loaded.settings.notify[0].url),)
    (row,) = [row for row in shown(loaded) if row.dotted == "notify"]
    assert (row.value, row.origin) == ([{"kind": "ntfy", "url": "(hidden)"}], "environment PARAMEDIC_NOTIFY")
