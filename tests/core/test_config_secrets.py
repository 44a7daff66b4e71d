"""Secret settings and their `_file` twins, on settings made for the test: there are none of our own yet."""

from dataclasses import dataclass, field

import pytest

from paramedic_core.codec import from_plain
from paramedic_core.config import secret_files
from paramedic_core.config.schema import check, leaves
from paramedic_core.config.text import parse
from paramedic_core.settings import Secret

_NONE = Secret("")


@dataclass(frozen=True, slots=True)
class MailSettings:
    user: str = ""
    password: Secret = _NONE


@dataclass(frozen=True, slots=True)
class Root:
    mail: MailSettings = field(default_factory=MailSettings)


def read(text):
    """The values that a text gives, and its mistakes."""
    root = parse(text, "f").root
    mistakes = secret_files.resolve(root, leaves(Root))
    values, wrong = check(root, Root)
    return {".".join(path): value for path, (value, _) in values.items()}, [str(m) for m in mistakes + wrong]


def test_a_secret_hides_in_every_repr():
    secret = Secret("hunter2")
    assert "hunter2" not in repr(secret)
    assert "hunter2" not in repr(Root(MailSettings("me", secret)))
    assert str(secret) == "hunter2"
    assert repr(from_plain(MailSettings, {"password": "hunter2"})) == "MailSettings(user='', password=Secret(hidden))"


def test_the_value_may_stand_in_a_file(tmp_path):
    path = tmp_path / "password"
    path.write_text("hunter2\n")
    values, mistakes = read(f"mail: {{password_file: {path}}}")
    assert (values, mistakes) == ({"mail.password": "hunter2"}, [])
    assert isinstance(values["mail.password"], Secret)


def test_a_secret_of_digits_stays_a_text():
    assert read("mail: {password: '0123'}")[0] == {"mail.password": "0123"}


def test_both_is_a_mistake(tmp_path):
    path = tmp_path / "password"
    path.write_text("hunter2")
    _, mistakes = read(f"mail:\n  password: a\n  password_file: {path}\n")
    assert mistakes == ["f:3:3: mail.password_file: mail.password is given here too: keep one of the two"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff", "not UTF-8"),
        (b"x" * 70_000, "larger than 64 KiB"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_holds_no_secret(tmp_path, content, says):
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    _, mistakes = read(f"mail: {{password_file: {path}}}")
    assert len(mistakes) == 1
    assert says in mistakes[0]
    assert mistakes[0].startswith("f:1:")


def test_a_wrong_secret_is_not_quoted():
    _, mistakes = read("mail: {password: [hunter2]}")
    assert "hunter2" not in mistakes[0]
    _, mistakes = read("mail: {password: " + "hunter2" * 1000 + "}")
    assert "longer than" in mistakes[0]
    assert "hunter2" not in mistakes[0]


def test_only_secrets_have_twins():
    _, mistakes = read("mail: {user_file: /etc/passwd}")
    assert "there is no such setting" in mistakes[0]
    assert "did you mean 'user'?" in mistakes[0]
