"""Whatever happens, and whatever events get lost, repeated or cut: after the next list World equals the engine's state.

Only how a run ended may be less known than it was: what nobody witnessed is `unknown`, never `nobody`.
"""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from paramedic_core.clock import FakeClock
from paramedic_core.errors import NotFound
from paramedic_core.model import EndedBy, HealthCheck
from paramedic_core.world import Acting
from paramedic_runtime.memory import MemoryBackend
from paramedic_runtime.stepped import Stepped
from paramedic_runtime.store import BookStore

NAMES = ("a", "b", "c")
POLICIES = ("no", "always", "on-failure")
DOINGS = st.sampled_from(
    ["crash", "human_stop", "human_restart", "human_start", "human_kill", "fail_health", "recover", "oom", "hang"]
)


def bare(container):
    """What inspect says, without what only events tell."""
    return replace(container, ending=None, starts=(), health_since=0.0)


class World(RuleBasedStateMachine):
    """People, fate, verbs and faults, at random; the machine keeps the truth about each ending itself."""

    @initialize(policies=st.tuples(*[st.sampled_from(POLICIES)] * 3), stop_first=st.booleans())
    def begin(self, policies, stop_first):
        self.clock = FakeClock()
        self.engine = MemoryBackend(self.clock, stop_first=stop_first)
        self.truth = {}
        for name, policy in zip(NAMES, policies, strict=True):
            self.engine.add(name, restart_policy=policy, health_check=HealthCheck(interval=1.0))
        self.run = Stepped(self.engine, self.clock)
        self.run.step()
        self.clock.advance(100)
        self.run.step()

    def remember(self, name, before, by):
        """The truth: who caused the death, if there was one since."""
        try:
            after = self.engine.state_of(name)
        except NotFound:
            return
        if after.finished_at != before:
            self.truth[after.id, after.finished_at] = by

    @rule(name=st.sampled_from(NAMES), doing=DOINGS)
    def do(self, name, doing):
        self.clock.advance(0.01)
        before = self.engine.state_of(name)
        by = EndedBy.SOMEONE if doing.startswith("human") else EndedBy.NOBODY
        if doing in ("oom", "hang") and not before.running:
            return
        if doing == "human_kill" and not before.running:
            return
        getattr(self.engine, doing)(name)
        self.remember(name, before.finished_at, by)

    @rule(name=st.sampled_from(NAMES), verb=st.sampled_from(["restart", "stop"]))
    def act(self, name, verb):
        self.clock.advance(0.01)
        before = self.engine.state_of(name)
        if not before.running or self.engine._away:
            return
        mark = Acting(verb, "k", self.clock.now())
        self.run.publisher.update(lambda w: replace(w, acting={before.id: mark}))
        getattr(self.engine, verb)(name, 3)
        self.run.publisher.update(lambda w: replace(w, acting={}))
        self.remember(name, before.finished_at, EndedBy.US)

    @rule(name=st.sampled_from(NAMES))
    def recreate(self, name):
        self.engine.recreate(name)

    @rule(seconds=st.sampled_from([0.01, 0.5, 3.0, 20.0, 90.0]))
    def wait(self, seconds):
        self.clock.advance(seconds)
        self.engine.tick()

    @rule()
    def step(self):
        self.run.step()

    @rule()
    def cut(self):
        self.engine.cut()

    @rule(count=st.sampled_from([10, 300]))
    def probes_fill_the_history(self, count):
        self.engine.probe_noise(count)

    @rule(times=st.sampled_from([1, 3]))
    def repeat(self, times):
        self.engine.repeat_events(times)

    @rule(on=st.booleans())
    def away(self, on):
        self.engine.away(on)

    @rule(live=st.booleans())
    def daemon_restart(self, live):
        self.engine.daemon_restart(down=1.0, live=live)
        self.clock.advance(1.5)
        self.engine.tick()

    @rule(deaths=st.booleans())
    def lose(self, deaths):
        """From now on nothing is told of deaths and what led to them, or nothing at all; or everything again."""
        self.engine.lose_events((lambda _e: True) if deaths else (lambda _e: False))

    @rule()
    def mend_and_list(self):
        """The faults end; after the next list World is the engine's state, and says nothing false of any ending."""
        self.engine.lose_events(lambda _e: False)
        self.engine.away(False)
        self.run.step()
        self.clock.advance(31)
        self.engine.tick()
        self.clock.advance(3)
        self.run.step()
        self.clock.advance(30.5)
        world = self.run.step()
        assert world.engine.connected
        assert {k: bare(c) for k, c in world.containers.items()} == {c.id: bare(c) for c in self.engine.containers()}
        for container in world.containers.values():
            if container.ending is not None:
                self.judge(container)

    def judge(self, container):
        by = container.ending.by
        assert container.ending.at == container.finished_at
        truth = self.truth.get((container.id, container.finished_at))
        if truth in (EndedBy.SOMEONE, EndedBy.US):
            assert by in (truth, EndedBy.SOMEONE, EndedBy.UNKNOWN), (container.name, truth, by)


TestWorld = World.TestCase
TestWorld.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["crash", "human_stop", "human_start", "human_kill", "away", "gone"]), st.floats(0, 40)
        ),
        max_size=14,
    )
)
def test_across_our_own_restarts_no_stop_becomes_a_crash(steps, tmp_path_factory):
    """`gone`: our process dies without a word, and starts again after the time given."""
    clock = FakeClock()
    engine = MemoryBackend(clock)
    web = engine.add("web")
    file = tmp_path_factory.mktemp("book") / "endings.json"
    run = Stepped(engine, clock, store=BookStore(file, clock))
    run.step()
    clock.advance(60)
    run.step()
    last = None
    for doing, pause in steps:
        if doing == "gone":
            clock.advance(pause)
            run = Stepped(engine, clock, store=BookStore(file, clock))
        elif doing == "away":
            engine.away(True)
            run.step()
            clock.advance(pause)
            engine.away(False)
        elif engine.state_of(web).running is (doing != "human_start"):
            getattr(engine, doing)(web)
            last = doing if doing != "human_start" else last
            clock.advance(pause)
            if pause > 1:
                run.step()
    clock.advance(5)
    seen = run.step().containers[web]
    if last is None:
        assert seen.ending is None
    else:
        assert seen.ending.at == seen.finished_at
        assert seen.ending.by in ((EndedBy.NOBODY, EndedBy.UNKNOWN) if last == "crash" else (EndedBy.SOMEONE,))
