"""The demo from beginning to end: start, break one after another, watch, judge, clean up."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from types import FrameType
from urllib.parse import quote

import click

from paramedic.demo import project
from paramedic.demo.engine import Engine
from paramedic.demo.names import NAME, Names, shown
from paramedic.demo.paramedic import Paramedic
from paramedic.demo.story import Story, say
from paramedic.demo.verdict import Line, judge, judge_evidence, judge_names
from paramedic_core.errors import NotFound, ParamedicError, PeerAway
from paramedic_core.settings import HealerSettings
from paramedic_core.sys.client import RoleClient

MOST_TRIES = HealerSettings().windows[0].count
"""The demo keeps the default windows."""


class Interrupted(Exception):
    """Somebody wants it to end."""


def run(address: str, *, once: bool) -> int:
    """Run the demo.

    Args:
        address: the engine's.
        once: end by itself, instead of staying up until interrupted.

    Returns:
        0 when each container ended as it should.

    Raises:
        EngineAway: there is no engine.
        PeerAway: paramedic did not start.
    """
    engine = Engine(address)
    engine.check()
    paramedic = Paramedic(address)
    story = Story(paramedic.client("healer"))
    with _interruptible(), contextlib.ExitStack() as later:
        later.callback(_end, engine, paramedic, story)
        try:
            good = _play(engine, paramedic, story)
            if not once:
                _stay(paramedic)
        except Interrupted:
            # Only before the end is it an early one; once the verdict is spoken, Ctrl-C is how it ends.
            say("demo", "interrupted: cleaning up")
            return 130
    return 0 if good else 1


def _play(engine: Engine, paramedic: Paramedic, story: Story) -> bool:
    say("demo", f"starting {len(project.SERVICES)} containers on a network of their own")
    patience = project.start(engine)
    if patience > 1:
        say("demo", f"this machine is slow or busy: every wait is {patience:g} times longer")
    engine.follow()
    gateway = project.gateway(engine)
    config = paramedic.configure(patience, gateway)
    click.echo(f"\nThe configuration of this paramedic:\n\n{config}")
    say("demo", "starting paramedic")
    paramedic.start(within=60.0 * patience)
    story.start()
    say("demo", f"the page is at {paramedic.page}", colour="cyan")
    _settle(paramedic, 30.0 * patience)
    names = Names(engine, paramedic.client("dns"), gateway)
    broken_at: dict[str, float] = {}
    with contextlib.closing(names):
        for service in [s for s in project.SERVICES if s.breaks]:
            with _asking(names, patience) if service.name == "web" else contextlib.nullcontext():
                broken_at[service.name] = time.time()
                say("demo", f"breaking {service.name}: {service.told}", colour="magenta")
                project.break_it(engine, service)
                if not _ended(story, service, broken_at[service.name], 90.0 * patience):
                    say("demo", f"{service.name} did not end as it should in time", colour="red")
                    click.echo(paramedic.log_tail())
    more = [judge_names(names), *_evidence(paramedic, story, broken_at, 15.0 * patience)]
    return _verdict(engine, story, broken_at, more)


@contextlib.contextmanager
def _asking(names: Names, patience: float) -> Iterator[None]:
    """Ask for the name before, during and after what is done inside."""
    if not names.wait(15.0 * patience):
        say("demo", f"names are not asked for: {names.why_not}", colour="yellow")
        yield
        return
    say("demo", f"inside database, {NAME} is {shown(names.before)}", colour="cyan")
    names.watch()
    yield
    names.settle(20.0 * patience)
    ill = next((found for found in names.during if found != names.before), names.before)
    say("demo", f"inside database, it was {shown(ill)} meanwhile, and is {shown(names.after)} again", colour="cyan")


def _evidence(paramedic: Paramedic, story: Story, broken_at: dict[str, float], within: float) -> list[Line]:
    """Show the last lines that were kept of each heal whose container says why, and judge them."""
    judged, logs = [], paramedic.client("logs")
    for service in [s for s in project.SERVICES if s.says]:
        opened = story.records(service.container, "opened", broken_at[service.name])
        texts, why_not = _kept(logs, str(opened[0]["incident"]), service, within) if opened else ([], "")
        for text in [text for text in texts if service.says in text][-2:]:
            say("evidence", f"{service.name}: {text}", colour="cyan")
        judged.append(judge_evidence(service, texts, why_not))
    return judged


def _kept(logs: RoleClient, incident: str, service: project.Service, within: float) -> tuple[list[str], str]:
    """The lines kept of an incident, waited for; and why there can be none."""
    deadline = time.monotonic() + within
    while True:
        texts: list[str] = []
        why_not = ""
        try:
            moments = logs.get(f"/evidence/{quote(incident, safe='')}")["moments"]
            texts = list(dict.fromkeys(line["text"] for m in moments for line in m["lines"] if "text" in line))
        except NotFound:
            # They are copied some seconds after the moment that they are of.
            why_not = ""
        except ParamedicError as error:
            why_not = str(error)
        if any(service.says in text for text in texts) or time.monotonic() > deadline:
            return texts, why_not
        time.sleep(0.5)


def _settle(paramedic: Paramedic, within: float) -> None:
    """Wait until paramedic sees every container of the demo well, and its own start-up grace is over."""
    runtime = paramedic.client("runtime")
    wanted = {s.container: bool(s.health) for s in project.SERVICES}
    deadline = time.monotonic() + within
    ready_at = time.monotonic() + 2.5
    while True:
        containers = runtime.get("/world")["world"].get("containers", {}).values()
        well = {
            c["name"]
            for c in containers
            if c["state"] == "running" and (not wanted.get(c["name"]) or c.get("health") == "healthy")
        }
        if wanted.keys() <= well and time.monotonic() >= ready_at:
            say("demo", f"paramedic sees all {len(wanted)} containers, and all are well", colour="green")
            return
        if time.monotonic() > deadline:
            raise PeerAway(
                f"not all containers were seen well within {within:.0f} s: {wanted.keys() - well} are missing"
            )
        time.sleep(0.2)


def _ended(story: Story, service: project.Service, since: float, within: float) -> bool:
    """Wait for the end that this service should have."""
    kind = "closed" if service.heals_by else "gave_up" if service.leave else "would_act"
    return story.wait(lambda: bool(story.records(service.container, kind, since)), within)


def _verdict(engine: Engine, story: Story, broken_at: dict[str, float], more: list[Line]) -> bool:
    lines = [*judge(engine, story, broken_at, MOST_TRIES), *more]
    click.echo("\nWhat the engine's own events say:\n")
    for line in lines:
        mark = click.style("well  ", fg="green") if line.looked else click.style("–     ", fg="yellow")
        if not line.good:
            mark = click.style("WRONG ", fg="red")
        click.echo(f"  {mark} {line.service:<10} {line.text}")
    good = all(line.good for line in lines)
    click.echo(
        "\nThree healed with one act each, one held after bounded tries, three never touched.\n"
        if good
        else "\nNot every container ended as it should.\n"
    )
    return good


def _stay(paramedic: Paramedic) -> None:
    click.echo(f"The page stays up at {paramedic.page} until you press Ctrl-C.")
    with contextlib.suppress(Interrupted):
        while True:
            signal.pause()


def _end(engine: Engine, paramedic: Paramedic, story: Story) -> None:
    story.stop()
    paramedic.stop()
    engine.close()
    engine.remove_project()


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP end the demo in order; while it cleans up they are passed over."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        raise Interrupted

    before = {n: signal.signal(n, interrupt) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
