"""Talks to the roles of one data directory, and says in words what to do when one does not answer."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from paramedic.console import exits
from paramedic.console.report import read_report
from paramedic_core.codec import from_plain
from paramedic_core.errors import ParamedicError, PeerAway
from paramedic_core.paste import data_flag
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.identity import GID, socket_path
from paramedic_core.world import World


class Away(click.ClickException):
    """The role that was asked is not there.

    Args:
        message: what is known, and what to do.
        brief: the same in a few words, where many are listed.
    """

    exit_code = exits.AWAY

    def __init__(self, message: str, brief: str = "") -> None:
        super().__init__(message)
        self.brief = brief or message


class NoRights(click.ClickException):
    """Whoever called may not do this."""

    exit_code = exits.RIGHTS


class Peers:
    """The roles of one data directory.

    Args:
        data: the data directory.
        timeout: seconds that each answer may take.
    """

    def __init__(self, data: Path, *, timeout: float = 5.0) -> None:
        self.data, self._timeout = data, timeout

    def client(self, role: str) -> RoleClient:
        """A role's client."""
        return RoleClient(socket_path(self.data, role), role)

    def get(self, role: str, path: str, **query: object) -> Any:
        """GET a JSON value; empty query fields are left out.

        Raises:
            Away, NoRights: it cannot be reached; the text says what to do.
            ParamedicError: what the role answered.
        """
        wanted = {k: v for k, v in query.items() if v not in ("", None)}
        full = f"{path}?{urlencode(wanted)}" if wanted else path
        try:
            return self.client(role).get(full, timeout=self._timeout)
        except PeerAway as error:
            raise self._explain(role, error) from error

    def post(self, role: str, path: str, body: Mapping[str, Any], token: str = "", timeout: float = 10.0) -> Any:
        """POST a JSON object, with a token if there is one; raises as `get`."""
        headers = {"Authorization": f"Bearer {token}"} if token else None
        try:
            return self.client(role).post(path, body, timeout=timeout, headers=headers)
        except PeerAway as error:
            raise self._explain(role, error) from error

    def stream(self, role: str, path: str) -> Iterator[Any]:
        """GET a stream of JSON values; raises as `get`."""
        try:
            yield from self.client(role).stream(path)
        except PeerAway as error:
            raise self._explain(role, error) from error

    def world(self) -> World:
        """Runtime's World; raises as `get`."""
        return from_plain(World, self.get("runtime", "/world")["world"])

    def maybe(self, role: str, path: str, **query: object) -> tuple[Any, str]:
        """As `get`, for what a command can do without: the value or None, and why there is none."""
        try:
            return self.get(role, path, **query), ""
        except Away as error:
            return None, error.message
        except ParamedicError as error:
            return None, f"the role {role} answers with an error: {error}"

    def verdict(self, role: str, question: str = "ready") -> tuple[bool, dict[str, Any]]:
        """Whether a role is ready (or healthy), and each part's reason; raises as `get`."""
        try:
            return self.client(role).verdict(question, timeout=self._timeout)
        except PeerAway as error:
            raise self._explain(role, error) from error

    def _explain(self, role: str, error: PeerAway) -> click.ClickException:
        cause = error.__cause__
        path = socket_path(self.data, role)
        if isinstance(cause, PermissionError):
            who = f"root (`sudo paramedic …`), or a member of the group {GID}"
            return NoRights(f"no right to reach {path}: call this as {who}")
        if isinstance(cause, FileNotFoundError):
            brief = "it is not running"
            return Away(f"{self._not_there(role)}: start it with `paramedic run{data_flag(self.data)}`", brief)
        see = f"`paramedic status{data_flag(self.data)}` shows the others"
        if isinstance(cause, ConnectionRefusedError):
            mend = see if self._supervised() else f"start it with `paramedic run{data_flag(self.data)}`"
            return Away(f"the role {role} is down (nobody listens at {path}): {mend}", "it ended")
        return Away(f"the role {role} does not answer at {path} ({cause}): {see}", f"it does not answer ({cause})")

    def _supervised(self) -> bool:
        """Whether there is a supervisor that will start a role again."""
        pid = read_report(self.data).pid
        return pid > 0 and Path(f"/proc/{pid}").exists()

    def _not_there(self, role: str) -> str:
        run = self.data / "run"
        if not os.access(self.data, os.F_OK):
            return f"there is no data directory {self.data} (name another with --data or PARAMEDIC_DATA)"
        others = sorted(p.stem for p in run.glob("*.sock")) if run.is_dir() else []
        if others:
            return f"the role {role} is not running here (there are {', '.join(others)})"
        return f"paramedic is not running with the data directory {self.data}"
