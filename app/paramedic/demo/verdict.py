"""What the engine's own events say of each container: the demo believes no journal but that one."""

from __future__ import annotations

from dataclasses import dataclass

from paramedic.demo.engine import Engine
from paramedic.demo.names import Names, shown
from paramedic.demo.project import HEALED, LOOPS, UNTOUCHED, Service
from paramedic.demo.story import Story


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the verdict."""

    service: str
    good: bool
    text: str
    looked: bool = True
    """Whether it could be looked at here at all."""


def judge(engine: Engine, story: Story, broken_at: dict[str, float], most_tries: int) -> list[Line]:
    """Compare what happened with what should have.

    Args:
        engine: the witness.
        story: the healer's own journal, for the one thing that no engine knows: what was told to a person.
        broken_at: when each service was broken, Unix seconds.
        most_tries: the healer's window for one target.
    """
    lines = [_healed(engine, story, s, broken_at[s.name]) for s in HEALED]
    lines.append(_held(engine, story, broken_at[LOOPS.name], most_tries))
    lines += [_untouched(engine, s, min(broken_at.values())) for s in UNTOUCHED]
    return lines


def judge_names(names: Names) -> Line:
    """Whether the name gave the healthy containers only, before, during and after the heal of one of them."""
    if names.why_not:
        return Line("names", good=True, text=f"not asked for: {names.why_not}", looked=False)
    others = [found for found in names.during if found not in (names.before, frozenset())]
    alone = bool(others) and all(len(found) == len(names.before) - 1 for found in others) and len(set(others)) == 1
    good = alone and names.after == names.before and frozenset() not in names.during
    during = " or ".join(sorted({shown(found) for found in others})) or "no change"
    text = f"before {shown(names.before)}; while it was ill {during}; after {shown(names.after)}"
    return Line("names", good, text)


def judge_evidence(service: Service, texts: list[str], why_not: str) -> Line:
    """Whether what a container said of its trouble was kept."""
    if why_not:
        return Line("evidence", good=True, text=f"not looked at: {why_not}", looked=False)
    found = [text for text in texts if service.says in text]
    shown_line = f"{service.name} said: {found[-1][:80]}" if found else f"nothing of {service.name} that says why"
    return Line("evidence", bool(found), f"{len(texts)} lines kept; {shown_line}")


def _healed(engine: Engine, story: Story, service: Service, since: float) -> Line:
    seen = engine.acts(service.container, since)
    acts = [a for a in seen if a == service.heals_by]
    healed = len(story.records(service.container, "closed", since)) == 1
    good = len(acts) == 1 and healed
    ending = "and it is well" if healed else "and it is not seen to be well"
    return Line(service.name, good, f"{_times(len(acts), service.heals_by)} by the engine's events, {ending}")


def _held(engine: Engine, story: Story, since: float, most: int) -> Line:
    tries = engine.acts(LOOPS.container, since).count("restart")
    reports = len(story.records(LOOPS.container, "gave_up", since))
    good = 1 <= tries <= most and reports == 1
    return Line(
        LOOPS.name, good, f"{_times(tries, 'restart')} (at most {most}), then left to a person; told {reports}×"
    )


def _untouched(engine: Engine, service: Service, since: float) -> Line:
    acts = [a for a in engine.acts(service.container, since) if a in ("start", "restart", "stop", "kill", "die")]
    why = "was never ill" if not service.breaks else "has no leave"
    return Line(service.name, not acts, f"untouched: it {why}" if not acts else f"touched: {', '.join(acts)}")


def _times(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
