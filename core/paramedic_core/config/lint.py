"""What no single value shows: settings that exclude one another, and settings that are probably not meant."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from paramedic_core.config.mistakes import Finding, Mistake, Place
from paramedic_core.config.readers import unwrap
from paramedic_core.config.schema import leaves
from paramedic_core.config.units import duration_text, host_port, is_loopback, window_text
from paramedic_core.settings import Mode, Settings

_Values = Mapping[tuple[str, ...], tuple[Any, Place]]
_LONGEST_SOCKET = 107
_MOST_CHANNELS = 16
_CHANNEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", re.ASCII)
_WITH_TOKEN = ("hub.listen", "collector.listen")
"""HTTP; what else listens has no tokens."""


def contradictions(settings: Settings, values: _Values) -> list[Mistake]:
    """Settings that cannot hold together."""
    mistakes = []
    taken: dict[int, str] = {}
    for path, listen in listens(settings).items():
        port = host_port(listen)[1]
        if port and port in taken:
            what = f"{taken[port]} has the port {port} too: give one of them another"
            mistakes.append(Mistake(_place(values, path), path, what))
        taken.setdefault(port, path)
    tls = {"collector.tls_cert": settings.collector.tls_cert, "collector.tls_key": settings.collector.tls_key}
    if sum(map(bool, tls.values())) == 1:
        given, missing = sorted(tls, key=lambda path: not tls[path])
        mistakes.append(Mistake(_place(values, given), given, f"is of no use without {missing}"))
    mistakes += [Mistake(_place(values, "notify"), path, what) for path, what in _channels(settings)]
    longest = os.fsencode(f"{settings.data}/run/supervisor.sock")
    if len(longest) > _LONGEST_SOCKET:
        what = f"too long by {len(longest) - _LONGEST_SOCKET} bytes: a unix socket's path ends at {_LONGEST_SOCKET} (unix(7))"
        mistakes.append(Mistake(_place(values, "data"), "data", what))
    return mistakes


def _channels(settings: Settings) -> Iterator[tuple[str, str]]:
    """What is wrong with a channel beside its single values."""
    taken: dict[str, int] = {}
    if len(settings.notify) > _MOST_CHANNELS:
        yield "notify", f"{len(settings.notify)} channels: {_MOST_CHANNELS} are the most"
    for number, channel in enumerate(settings.notify):
        path = f"notify[{number}]"
        if channel.title in taken:
            yield f"{path}.name", f"notify[{taken[channel.title]}] is called {channel.title} too: give each a name"
        taken.setdefault(channel.title, number)
        if not _CHANNEL_NAME.fullmatch(channel.title):
            yield f"{path}.name", "a name has letters, digits, dots, hyphens and underscores, 40 at most"
        if not channel.url:
            yield f"{path}.url", "is empty: write where to, as https://HOST/PATH"
        elif channel.kind == "ntfy" and not urlsplit(channel.url).path.strip("/"):
            yield f"{path}.url", "names no topic: write it as https://ntfy.sh/TOPIC"
        if channel.text_key and channel.kind != "webhook":
            yield f"{path}.text_key", f"is a webhook's; this is {channel.kind}"
        if channel.token and urlsplit(channel.url).username:
            yield f"{path}.token", "the URL names a user as well: keep one of the two"


def findings(settings: Settings, values: _Values) -> list[Finding]:
    """Settings that are allowed, and probably not meant."""
    return [
        Finding(_place(values, path), path, what)
        for path, what in itertools.chain(
            _reach(settings), _modes(settings), _windows(settings), _times(settings), _messages(settings)
        )
    ]


def _place(values: _Values, dotted: str) -> Place:
    value = values.get(tuple(dotted.partition("[")[0].split(".")))
    return value[1] if value else Place("default")


def _reach(settings: Settings) -> Iterator[tuple[str, str]]:
    for path, listen in listens(settings).items():
        if not is_loopback(listen):
            token = ": every request needs a token (`paramedic token create`)" if path in _WITH_TOKEN else ""
            yield path, f"{listen} can be reached from other machines{token}"


def listens(settings: Settings) -> dict[str, str]:
    """Every TCP address that some role listens on: dotted setting → `HOST:PORT`."""
    found = {}
    for path, leaf in leaves().items():
        if leaf.shape == "value" and path[-1] == "listen" and "address" in unwrap(leaf.hint)[1]:
            value: Any = settings
            for part in path:
                value = getattr(value, part)
            if value:
                found[leaf.dotted] = str(value)
    return found


def _modes(settings: Settings) -> Iterator[tuple[str, str]]:
    healer = settings.healer
    if healer.default.rank > Mode.OBSERVE.rank:
        yield "healer.default", f"{healer.default.value} speaks for every container, also those nobody has thought of"
    for name, mode in healer.services.items():
        if mode.rank > healer.max.rank:
            yield (
                f"healer.services.{name}",
                f"{mode.value} never takes effect: healer.max is {healer.max.value}",
            )


def _windows(settings: Settings) -> Iterator[tuple[str, str]]:
    windows = sorted(settings.healer.windows, key=lambda w: w.seconds)
    if not windows:
        yield "healer.windows", "no window: only the fixed ceiling and the backoff limit acts"
    for short, long in itertools.pairwise(windows):
        if short.count >= long.count:
            yield "healer.windows", f"{window_text(short)} never matters beside {window_text(long)}"
    ceiling = settings.runtime.acts_per_target
    for one in windows:
        if one.count > ceiling.count and one.seconds <= ceiling.seconds:
            yield (
                "healer.windows",
                f"{window_text(one)} is never filled: runtime.acts_per_target is {window_text(ceiling)}",
            )


def _messages(settings: Settings) -> Iterator[tuple[str, str]]:
    for number, channel in enumerate(settings.notify):
        parts = urlsplit(channel.url)
        if (channel.token or parts.username) and parts.scheme == "http" and not is_loopback(f"{parts.hostname}:80"):
            yield f"notify[{number}].url", "a token or password goes over the network readable by others: use https://"
        if not channel.gets:
            yield f"notify[{number}].gets", f"{channel.title} is told of nothing"


def _times(settings: Settings) -> Iterator[tuple[str, str]]:
    healer, runtime = settings.healer, settings.runtime
    if healer.backoff_first > healer.backoff_most:
        most = duration_text(healer.backoff_most)
        yield "healer.backoff_first", f"longer than healer.backoff_most ({most}), which cuts it"
    if healer.stale_after < 2 * runtime.resync:
        resync = duration_text(runtime.resync)
        yield "healer.stale_after", f"less than twice runtime.resync ({resync}): one late list, and nothing is healed"
    if healer.verify_deadline <= healer.recovered_after:
        after = duration_text(healer.recovered_after)
        yield "healer.verify_deadline", f"not longer than healer.recovered_after ({after}): no act could ever succeed"
