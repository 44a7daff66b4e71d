"""Whatever happens in whatever order, the guards hold: a state machine over the in-memory engine (facts: invariants)."""

from hypothesis import HealthCheck as Check
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from support_ward import Ward

WINDOWS = ((5, 900.0), (10, 86400.0))
NAMES = ("web", "job", "loop", "shy")
names = st.sampled_from(NAMES)


class Machine(RuleBasedStateMachine):
    """People, fate and the engine do what they like; the healer must keep its promises."""

    def __init__(self):
        super().__init__()
        self.ward = Ward(backoff_first=1.0, backoff_most=8.0, give_up_after=4)
        self.ids = {
            "web": self.ward.add("web"),
            "job": self.ward.add("job", check=False),
            "loop": self.ward.add("loop", check=False, restart_policy="always"),
            "shy": self.ward.add("shy", leave=False),
        }
        self.seen = 0
        self.stopped = set()
        self.ward.run(15)

    def state(self, name):
        return self.ward.engine.inspect(self.ids[name])

    @rule(name=names, cured=st.sampled_from([1, 2, None]))
    def sickens(self, name, cured):
        if not self.away and self.state(name).running and self.state(name).health_check:
            self.ward.engine.fail_health(self.ids[name], cured_by=cured)

    @rule(name=names, code=st.integers(1, 255))
    def crashes(self, name, code):
        self.ward.engine.crash(self.ids[name], code)

    @rule(after=st.sampled_from([0.2, 3.0]), runs=st.sampled_from([2, 8, None]))
    def loops(self, after, runs):
        self.ward.engine.crash_loop(self.ids["loop"], after=after, runs=runs)

    @rule(name=names)
    def is_stopped_by_hand(self, name):
        self.ward.run(0.5)
        # What was done before the stop is judged before the stop.
        self.keeps_its_promises()
        if not self.away and self.state(name).running:
            self.ward.engine.human_stop(self.ids[name])
            self.stopped.add(name)

    @rule(name=names)
    def is_started_by_hand(self, name):
        self.stopped.discard(name)
        self.ward.engine.human_start(self.ids[name])

    @rule()
    def the_healer_restarts(self):
        self.ward.restart_healer()

    @rule(on=st.booleans())
    def the_engine_goes_or_comes(self, on):
        self.ward.engine.away(on)

    @rule()
    def the_stream_is_cut(self):
        self.ward.engine.cut()

    @rule(seconds=st.sampled_from([0.1, 2.0, 15.0, 90.0, 1000.0]))
    def time_passes(self, seconds):
        self.ward.run(seconds)

    @precondition(lambda self: len(self.ward.journal) < 3000)
    @rule()
    def an_hour_passes(self):
        self.ward.run(4000)

    @property
    def away(self):
        return not self.ward.keeper.world.engine.connected or self.ward.engine._away

    @invariant()
    def keeps_its_promises(self):
        acts = self.ward.engine.acts
        for act in acts[self.seen :]:
            name = next(n for n, i in self.ids.items() if i == act.id)
            assert name != "shy", "acted without leave"
            assert name not in self.stopped, f"acted on {name}, which a person stopped"
        self.seen = len(acts)
        for target in self.ids.values():
            times = [a.at for a in acts if a.id == target]
            for count, seconds in WINDOWS:
                for at in times:
                    assert sum(at <= t < at + seconds for t in times) <= count

    @invariant()
    def writes_down_why(self):
        intents = [r for r in self.ward.journal if r.kind == "intent"]
        outcomes = {r.body["key"] for r in self.ward.journal if r.kind == "outcome"}
        assert len({r.body["key"] for r in intents}) == len(intents)
        assert {r.body["key"] for r in intents} == outcomes
        assert all(r.body["reason"] for r in intents)
        assert all(r.body["reason"] for r in self.ward.journal if r.kind == "decision")

    @invariant()
    def one_story_a_fault(self):
        open_now = [(i.name, i.cause) for i in self.ward.brain.histories.open_incidents()]
        assert len(set(open_now)) == len(open_now)
        for incident in self.ward.brain.histories.incidents.values():
            told = [r for r in self.ward.journal if r.kind == "gave_up" and r.incident == incident.id]
            assert len(told) <= 1


Machine.TestCase.settings = settings(
    max_examples=50, stateful_step_count=25, deadline=None, suppress_health_check=list(Check), derandomize=True
)
TestGuards = Machine.TestCase
