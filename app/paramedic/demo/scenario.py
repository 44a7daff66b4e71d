"""The demo from beginning to end: start, break one after another, watch, judge, clean up."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from types import FrameType

import click

from paramedic.demo import project
from paramedic.demo.engine import Engine
from paramedic.demo.paramedic import Paramedic
from paramedic.demo.story import Story, say
from paramedic.demo.verdict import judge
from paramedic_core.errors import PeerAway
from paramedic_core.settings import HealerSettings

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
    config = paramedic.configure(patience)
    click.echo(f"\nThe configuration of this paramedic:\n\n{config}")
    say("demo", "starting paramedic")
    paramedic.start(within=60.0 * patience)
    story.start()
    say("demo", f"the page is at {paramedic.page}", colour="cyan")
    _settle(paramedic, 30.0 * patience)
    broken_at: dict[str, float] = {}
    for service in [s for s in project.SERVICES if s.breaks]:
        broken_at[service.name] = time.time()
        say("demo", f"breaking {service.name}: {service.told}", colour="magenta")
        project.break_it(engine, service)
        if not _ended(story, service, broken_at[service.name], 90.0 * patience):
            say("demo", f"{service.name} did not end as it should in time", colour="red")
            click.echo(paramedic.log_tail())
    return _verdict(engine, story, broken_at)


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


def _verdict(engine: Engine, story: Story, broken_at: dict[str, float]) -> bool:
    lines = judge(engine, story, broken_at, MOST_TRIES)
    click.echo("\nWhat the engine's own events say:\n")
    for line in lines:
        mark = click.style("well  ", fg="green") if line.good else click.style("WRONG ", fg="red")
        click.echo(f"  {mark} {line.service:<10} {line.text}")
    good = all(line.good for line in lines)
    click.echo(
        "\nThree healed with one act each, one held after bounded tries, two never touched.\n"
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
