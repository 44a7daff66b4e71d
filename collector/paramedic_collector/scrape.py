"""One scrape: every source timed, capped and isolated, and their samples in one text."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial

import paramedic_collector.sources
from paramedic_collector.exposition import Exposition, Family, number, prefix, render
from paramedic_collector.relay import Outcome, Relay
from paramedic_collector.source import Context, Source
from paramedic_core.registry import Failure, discover
from paramedic_core.settings import CollectorSettings

log = logging.getLogger("paramedic.collector")

SUCCESS = Family(
    "node_scrape_collector_success", "gauge", "node_exporter: Whether a collector succeeded.", ("collector",)
)
DURATION = Family(
    "node_scrape_collector_duration_seconds",
    "gauge",
    "node_exporter: Duration of a collector scrape.",
    ("collector",),
)


class Scraper:
    """Holds the sources and scrapes them.

    Args:
        context: makes the context of a scrape.
        sources: by name; all that `sources/` has and the settings want, unless given.
        settings: which sources are on.
    """

    def __init__(
        self,
        context: Callable[[], Context],
        sources: Mapping[str, Source] | None = None,
        settings: CollectorSettings | None = None,
    ) -> None:
        self._context = context
        self.failures: list[Failure] = []
        """Modules of `sources/` that could not be used."""
        self.sources = dict(sources) if sources is not None else self._discover(settings or CollectorSettings())
        self._relay: Relay[Exposition] = Relay("source", workers=len(self.sources) + 1)
        self._lines = {name: _lines(name) for name in self.sources}
        self._errors: dict[str, str] = {}
        self._turn = threading.Lock()
        self._last: tuple[float, list[Exposition], dict[bool, str]] = (float("-inf"), [], {})
        self.scrapes = 0
        """How many there were."""
        self.failed: dict[str, int] = {}
        """Source → how often it failed."""

    @property
    def errors(self) -> dict[str, str]:
        """The sources that failed in the last scrape, and why."""
        return dict(self._errors)

    @property
    def stuck(self) -> dict[str, float]:
        """The sources that hang, each with for how many seconds."""
        now = time.monotonic()
        return {name: now - since for name, since in self._relay.stuck.items()}

    def scrape(self, *, openmetrics: bool = False) -> str:
        """The samples of all sources, as text or as OpenMetrics (without its last line).

        Whoever asks while a scrape is under way waits for the next and shares it with all others that wait.
        """
        asked = time.monotonic()
        with self._turn:
            began, parts, texts = self._last
            if began < asked:
                began = time.monotonic()
                parts, texts = self._scrape(), {}
                self._last = (began, parts, texts)
            if openmetrics not in texts:
                texts[openmetrics] = render(parts, openmetrics=openmetrics)
            return texts[openmetrics]

    def close(self) -> None:
        """Let go of what the sources hold; what still hangs, or a scrape that does not end, keeps it until the process ends."""
        self._relay.close()
        if not self._turn.acquire(timeout=1.0):
            return
        try:
            hanging = self._relay.stuck
            for name, source in self.sources.items():
                if name not in hanging:
                    source.close()
        finally:
            self._turn.release()

    def _scrape(self) -> list[Exposition]:
        context = self._context()
        jobs = [(name, partial(_collect, source, context)) for name, source in self.sources.items()]
        outcomes = self._relay.run(jobs, context.timeout)
        report = Exposition()
        parts = [report]
        for name, outcome in sorted(outcomes.items()):
            success, duration = self._lines[name]
            trouble = _trouble(outcome)
            report.of(SUCCESS).append(success + ("0" if trouble else "1"))
            report.of(DURATION).append(duration + number(outcome.seconds))
            self._note(name, trouble)
            if outcome.value is not None:
                parts.append(outcome.value)
        self.scrapes += 1
        return parts

    def _note(self, name: str, trouble: str) -> None:
        """Say an error once, and once that it is over."""
        if not trouble:
            if self._errors.pop(name, None) is not None:
                log.info("the source %s works again", name)
            return
        self.failed[name] = self.failed.get(name, 0) + 1
        if self._errors.get(name) != trouble:
            log.warning("the source %s failed, the others go on: %s", name, trouble)
            self._errors[name] = trouble

    def _discover(self, settings: CollectorSettings) -> dict[str, Source]:
        """One object of each source that is on. One that cannot be made, or emits what another has, is reported and left out."""
        registry = discover(paramedic_collector.sources, Source)
        self.failures = [*registry.failures, *unknown(settings, registry.plugins)]
        found: dict[str, Source] = {}
        taken: dict[str, str] = {}
        for name, plugin in sorted(registry.plugins.items()):
            if name in settings.disable or not (plugin.on or name in settings.enable):
                continue
            twice = [family.name for family in plugin.families if family.name in taken]
            try:
                if twice:
                    raise ValueError(f"the source {taken[twice[0]]} has the family {twice[0]} already")
                found[name] = plugin()
            except Exception as error:  # noqa: BLE001  a plug-in may fail in any way, and must break nothing else
                self.failures.append(Failure(plugin.__module__, f"{type(error).__name__}: {error}"))
                continue
            taken |= {family.name: name for family in plugin.families}
        for failure in self.failures:
            log.error("the source module %s cannot be used: %s", failure.module, failure.reason)
        return found


def unknown(settings: CollectorSettings, known: Mapping[str, type[Source]] | None = None) -> list[Failure]:
    """Names of sources in the settings that there are not.

    Args:
        settings: with `enable` and `disable`.
        known: the sources that there are, unless they are to be found.
    """
    if not settings.enable and not settings.disable:
        return []
    known = discover(paramedic_collector.sources, Source).plugins if known is None else known
    return [
        Failure(f"collector.{setting}", f"there is no source {name!r}; there are {', '.join(sorted(known))}")
        for setting, given in (("enable", settings.enable), ("disable", settings.disable))
        for name in given
        if name not in known
    ]


def _collect(source: Source, context: Context) -> Exposition:
    out = Exposition()
    source.collect(context, out)
    return out


def _trouble(outcome: Outcome[Exposition]) -> str:
    """What went wrong, in words that stay the same while it does."""
    if isinstance(outcome.error, TimeoutError):
        return "it hangs, and is left behind until it returns"
    if outcome.error is not None:
        return f"{type(outcome.error).__name__}: {outcome.error}"
    return outcome.value.problem if outcome.value is not None else ""


def _lines(name: str) -> tuple[str, str]:
    return prefix(SUCCESS.name, {"collector": name}), prefix(DURATION.name, {"collector": name})
