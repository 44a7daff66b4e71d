"""The token file: made, checked, revoked, damaged, changed behind the reader's back."""

import json
import os
import stat
import threading

import pytest

from paramedic_core.errors import BadInput, NotFound, Temporary
from paramedic_core.sys.identity import GID
from paramedic_core.sys.tokens import PREFIX, ROLES, TokenStore


@pytest.fixture
def store(tmp_path):
    return TokenStore(tmp_path / "tokens.json")


def test_a_token_is_known_again_and_its_text_is_nowhere_in_the_file(store):
    text = store.create("grafana", "viewer")
    assert text.startswith(PREFIX)
    assert len(text) == len(PREFIX) + 43
    token = store.check(text)
    assert (token.name, token.role) == ("grafana", "viewer")
    content = store.path.read_text()
    assert text not in content
    assert text.removeprefix(PREFIX) not in content


@pytest.mark.parametrize(
    "text", ["", "paramedic_", "x" * 53, PREFIX + "é" * 43, PREFIX + "A" * 42, PREFIX + "A" * 10**6]
)
def test_what_is_no_token_is_refused(store, text):
    store.create("a", "admin")
    assert store.check(text) is None


def test_a_token_of_the_right_shape_that_was_never_made_is_refused(store):
    store.create("a", "admin")
    assert store.check(PREFIX + "A" * 43) is None


def test_without_a_file_nobody_is_let_in(store):
    assert store.list() == ()
    assert store.check(PREFIX + "A" * 43) is None


def test_another_process_change_is_seen(store):
    writer = TokenStore(store.path)
    first = writer.create("first", "viewer")
    assert store.check(first) is not None
    second = writer.create("second", "admin")
    assert store.check(second).role == "admin"
    writer.revoke("first")
    assert store.check(first) is None
    store.path.unlink()
    assert store.check(second) is None


def test_revoke_by_id_and_of_nothing(store):
    text = store.create("a", "operator")
    store.revoke(store.list()[0].id)
    assert store.check(text) is None
    with pytest.raises(NotFound, match="token list"):
        store.revoke("a")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[]",
        '{"tokens": 3}',
        '{"tokens": [{}]}',
        '{"tokens": [3]}',
        "[" * 100_000,
        '{"tokens": [' + "{}," * 1001 + "{}]}",
    ],
)
def test_a_damaged_file_lets_nobody_in_and_says_so(store, content):
    store.path.write_text(content)
    with pytest.raises(Temporary, match=r"tokens\.json"):
        store.check(PREFIX + "A" * 43)
    with pytest.raises(BadInput, match=r"tokens\.json"):
        store.list()


def test_an_unknown_role_in_the_file_is_damage(store):
    entry = {"id": "1", "name": "n", "role": "root", "sha256": "0" * 64, "created": 0}
    store.path.write_text(json.dumps({"tokens": [entry]}))
    with pytest.raises(BadInput, match="malformed"):
        store.list()


@pytest.mark.parametrize(("name", "role"), [("", "admin"), ("a\x1b[31m", "admin"), ("x" * 65, "admin"), ("a", "root")])
def test_what_cannot_be_made(store, name, role):
    with pytest.raises(BadInput):
        store.create(name, role)


def test_a_name_is_taken_once(store):
    store.create("a", "admin")
    with pytest.raises(BadInput, match="already"):
        store.create("a", "viewer")


def test_what_each_role_includes(store):
    for role in ROLES:
        store.create(role, role)
    allowed = {t.role: {r for r in ROLES if t.allows(r)} for t in store.list()}
    assert allowed == {
        "sender": {"sender"},
        "viewer": {"viewer"},
        "operator": {"viewer", "operator"},
        "admin": {"viewer", "operator", "admin"},
    }


def test_the_file_is_for_root_and_the_roles_alone(store):
    old = os.umask(0o077)
    try:
        store.create("a", "admin")
    finally:
        os.umask(old)
    status = store.path.stat()
    if os.geteuid() == 0:
        assert (status.st_uid, status.st_gid) == (0, GID)
        assert stat.S_IMODE(status.st_mode) == 0o640
    assert not stat.S_IMODE(status.st_mode) & 0o007


def test_many_writers_lose_nothing(store):
    threads = [threading.Thread(target=TokenStore(store.path).create, args=(f"t{i}", "viewer")) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {t.name for t in store.list()} == {f"t{i}" for i in range(20)}
