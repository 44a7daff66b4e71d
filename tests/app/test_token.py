"""`token`: made, listed without its text, revoked."""

import json

from paramedic_core.sys.tokens import TokenStore


def test_a_life(run, stage):
    text = run("token", "create", "grafana", "--role", "operator").out.strip()
    store = TokenStore(stage.data / "tokens.json")
    token = store.check(text)
    assert (token.name, token.role) == ("grafana", "operator")
    listed = run("token", "list")
    assert "operator" in listed.out
    assert text not in listed.out
    (entry,) = json.loads(run("token", "list", "-o", "json").out)
    assert "sha256" not in entry
    assert run("token", "revoke", "grafana").status == 0
    assert store.check(text) is None
    assert "there is no token" in run("token", "list").err


def test_json(run):
    made = json.loads(run("token", "create", "x", "-o", "json").out)
    assert made["role"] == "viewer"
    assert made["token"].startswith("paramedic_")


def test_what_goes_wrong(run, stage):
    run("token", "create", "a")
    assert run("token", "create", "a").status == 1
    assert run("token", "create", "b", "--role", "king").status == 2
    assert run("token", "revoke", "nobody").status == 1
    assert run("token", "list", "--data", "/nonexistent/there").status == 4
    (stage.data / "tokens.json").write_text("{")
    answer = run("token", "list")
    assert answer.status == 1
    assert "is damaged" in answer.err
