"""Labels made harmless."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic_runtime import labels


@pytest.mark.parametrize(
    "name",
    ["db.password", "PASSWORD", "my-secret", "api_key", "apiKey", "aws.access-key-id", "x.token", "TOKENS", "credentials",
     "traefik.http.middlewares.a.basicauth.users", "registry.auth", "private.key", "db-pwd", "sentry.dsn", "pass"],
)  # fmt: skip
def test_what_sounds_like_a_secret_loses_its_value(name):
    assert labels.clean({name: "hunter2"}) == {name: ""}


@pytest.mark.parametrize(
    "name",
    ["paramedic.heal", "com.docker.compose.project", "com.docker.compose.config-hash", "autoheal", "monkey", "keyboard",
     "author", "compass", "maintainer", "org.opencontainers.image.authors"],
)  # fmt: skip
def test_what_does_not_keeps_it(name):
    assert labels.clean({name: "x"}) == {name: "x"}


def test_sixty_four_of_a_kilobyte_and_ours_first():
    raw = {f"a{n}": "x" for n in range(5000)} | {"paramedic.heal": "true", "com.docker.compose.service": "y" * 5000}
    found = labels.clean(raw)
    assert len(found) == 64
    assert found["paramedic.heal"] == "true"
    assert len(found["com.docker.compose.service"]) == 1024
    assert labels.clean({"n" * 1000: "x"}) == {}


def test_control_characters_and_turned_text():
    found = labels.clean({"a\x1b[31m": "b\nc\x00d\u202e", "e": "ü – 漢"})
    assert found == {"a�[31m": "b�c�d�", "e": "ü – 漢"}


@pytest.mark.parametrize("raw", [None, [], "x", 5, {1: 2}, {"a": None}, {"a": ["b"]}])
def test_what_is_no_label(raw):
    assert all(v == "" for v in labels.clean(raw).values())


def test_what_merely_came_with_the_image():
    raw = {"paramedic.heal": "true", "autoheal": "true", "own": "1"}
    assert labels.from_image(raw, {"paramedic.heal": "true", "autoheal": "false"}) == ("paramedic.heal",)
    assert labels.from_image(raw, {}) == ()


def test_an_image_that_cannot_be_read_gives_no_leave():
    raw = {"paramedic.heal": "true", "com.docker.compose.service": "web"}
    assert labels.from_image(raw, None) == ("paramedic.heal",)


@given(st.dictionaries(st.text(max_size=300), st.text(max_size=2000), max_size=100))
def test_always_bounded_and_printable(raw):
    found = labels.clean(raw)
    assert len(found) <= 64
    assert all(len(k) <= 255 and len(v) <= 1024 for k, v in found.items())
    assert not any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for k, v in found.items() for c in k + v)
    "".join(k + v for k, v in found.items()).encode()
