"""Paramedic's own tokens never get into the store: the first start says one in its log."""

from pathlib import Path

import pytest

from paramedic_core.sys.tokens import TokenStore
from paramedic_logs.line import without_tokens


def test_a_token_in_a_line_is_hidden(tmp_path: Path) -> None:
    token = TokenStore(tmp_path / "tokens.json").create("a", "admin").encode()
    line = b"log in: http://127.0.0.1:9110/login#" + token + b" and " + token
    assert without_tokens(line) == b"log in: http://127.0.0.1:9110/login#paramedic_(hidden) and paramedic_(hidden)"


@pytest.mark.parametrize(
    "text", [b"", b"nothing", b"paramedic_acts_total 1", b"paramedic_config_last_reload_timestamp_seconds 1.5"]
)
def test_other_lines_are_as_they_were(text: bytes) -> None:
    assert without_tokens(text) == text
