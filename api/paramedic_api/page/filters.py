"""What the templates may call."""

from __future__ import annotations

from datetime import UTC, datetime

from jinja2 import Environment
from markupsafe import Markup, escape

from paramedic_api.here import VERSION
from paramedic_api.page.words import count, sentence, size, span
from paramedic_api.times import rfc3339


def clock(at: float, now: float) -> str:
    """The time of day, UTC, with the date when it is another day; the browser puts its own zone in."""
    if not at:
        return ""
    moment = datetime.fromtimestamp(at, UTC)
    return moment.strftime("%H:%M" if moment.date() == datetime.fromtimestamp(now, UTC).date() else "%d %b %H:%M")


def stamp(at: float) -> str:
    """The time of day to the millisecond, UTC; the browser puts its own zone in."""
    return datetime.fromtimestamp(at, UTC).strftime("%d %b %H:%M:%S.%f")[:-3] if at else ""


def coded(text: str) -> Markup:
    """Text in which what stands between backticks is code. Everything is escaped first."""
    parts = [escape(part) for part in text.split("`")]
    if len(parts) % 2 == 0:
        return escape(text)
    # Each part is escaped above; only our own tags are put between them.
    return Markup("").join(Markup("<code>{}</code>").format(p) if i % 2 else p for i, p in enumerate(parts))


def install(environment: Environment) -> None:
    """Give the templates their filters."""
    environment.filters["span"] = span
    environment.filters["rfc3339"] = rfc3339
    environment.filters["sentence"] = sentence
    environment.filters["coded"] = coded
    environment.filters["clock"] = clock
    environment.filters["stamp"] = stamp
    environment.filters["bytes"] = lambda amount: " ".join(size(amount))
    environment.globals["count"] = count
    environment.globals["version"] = VERSION
