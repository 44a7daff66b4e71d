"""Whatever is asked, in any order, with deaths at any point: never above the ceiling, never two at once, never without leave."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck as Check
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from paramedic_core.errors import Conflict, EngineAway, ParamedicError
from paramedic_core.limits import Window
from paramedic_core.settings import Mode, RuntimeSettings, Settings
from paramedic_runtime import recover, verbs
from paramedic_runtime.acts import Status
from support_hands import Rig

POINTS = ("verbs.before_intent", "verbs.after_intent", "verbs.after_act", "verbs.after_outcome")
targets = st.integers(0, 4)


class Died(BaseException):
    """Stands for kill -9: nothing of ours runs after it."""


class Hands(RuleBasedStateMachine):
    """Five containers of four services on the in-memory engine; the engine's own account is the judge."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="hands-"))
        self.die_at = ""
        self.done: list[tuple[float, str, str, str]] = []
        self.busy: set[str] = set()
        self.wrong: list[str] = []
        verbs.fault = recover.fault = self.fault

    @initialize()
    def begin(self) -> None:
        # Settings that would allow more: only the fixed ceiling holds.
        wide = RuntimeSettings(acts_per_target=Window(500, 3600), acts_per_host=Window(500, 3600))
        self.rig = Rig(self.folder, settings=Settings(runtime=wide))
        engine = self.rig.backend
        compose = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
        self.ids = [
            engine.add("labelled", labels={"paramedic.heal": "true"}),
            engine.add("shop-web-1", labels=compose),
            engine.add("shop-web-2", labels=compose),
            engine.add("plain"),
            engine.add("spare", labels={"paramedic.heal": "true"}),
        ]
        real = engine.restart

        def restart(target: str, timeout: float) -> None:
            self.judge_act(target)
            self.busy.add(target)
            real(target, timeout)
            self.busy.discard(target)

        engine.restart = restart
        self.rig.look()

    def judge_act(self, target: str) -> None:
        rig = self.rig
        mark = rig.worlds.world.acting.get(target)
        seen = rig.backend.inspect(target)
        if mark is None:
            self.wrong.append("acted without saying so")
            return
        act = rig.acts.find(mark.key)
        if act is None or act.status is not Status.INTENT:
            self.wrong.append("acted without an intent on record")
        if any(
            other.target == target and other.key != mark.key and other.status is Status.INTENT
            for other in rig.acts.after(0, 1000)
        ):
            self.wrong.append("acted while the end of an earlier act was not known")
        if rig.freeze.on():
            self.wrong.append("acted while frozen")
        if seen.name not in ("labelled", "spare") and rig.grants.modes().get(seen.service_key) != "enforce":
            self.wrong.append("acted without leave")
        if mark.key in [key for _, _, _, key in self.done]:
            self.wrong.append("one key acted twice")
        if target in self.busy:
            self.wrong.append("two at once on one target")
        self.done.append((rig.clock.now(), target, seen.service_key, mark.key))
        try:
            rig.wish(target, key="intruder")
        except ParamedicError as error:
            if not isinstance(error, Conflict):
                self.wrong.append(f"a second act met {error!r}")
        else:
            self.wrong.append("a second act was let through")

    def fault(self, name: str) -> None:
        if name == self.die_at:
            self.die_at = ""
            raise Died

    def next_life(self) -> None:
        self.busy.clear()
        self.rig = self.rig.again()

    def ask(self, target: int, key: str = "") -> None:
        before = len(self.done)
        try:
            act = self.rig.wish(self.ids[target], key=key)
        except ParamedicError:
            return
        except Died:
            self.next_life()
            return
        finally:
            self.die_at = ""
        if act.status is Status.DONE and not key and len(self.done) != before + 1:
            self.wrong.append("done, and not done")

    @rule(which=targets, times=st.integers(1, 12), gap=st.sampled_from([0, 1, 60, 400]))
    def wish(self, which, times, gap):
        for _ in range(times):
            self.rig.clock.advance(gap)
            self.ask(which)

    @rule(times=st.integers(1, 9))
    def wish_everywhere(self, times):
        for which in [*range(len(self.ids))] * times:
            self.ask(which)

    @rule(which=targets, key=st.sampled_from(["a", "b", "c"]))
    def wish_with_a_key(self, which, key):
        self.ask(which, key)

    @rule(which=targets, point=st.sampled_from(POINTS))
    def wish_and_die(self, which, point):
        self.die_at = point
        self.ask(which)

    @rule(which=targets, done=st.booleans())
    def wish_and_lose_the_answer(self, which, done):
        self.rig.clock.advance(1)
        self.rig.backend.fail("restart", EngineAway("cut"), done=done)
        self.ask(which)
        self.busy.clear()
        self.rig.backend._faults.clear()

    @rule(seconds=st.sampled_from([1.0, 30.0, 900.0, 3601.0]))
    def time_passes(self, seconds):
        self.rig.clock.advance(seconds)
        self.rig.look()

    @rule(
        patience=st.integers(1, 60), point=st.sampled_from(["", "", "recover.before_outcome", "recover.after_outcome"])
    )
    def settle(self, patience, point):
        self.die_at = point
        try:
            for _ in range(patience):
                if not self.rig.recover.step():
                    break
                self.rig.clock.advance(0.5)
        except Died:
            self.next_life()
        finally:
            self.die_at = ""

    @rule()
    def crash(self):
        self.next_life()

    @rule(which=targets, mode=st.sampled_from(["enforce", "observe", "default"]))
    def grant(self, which, mode):
        service = self.rig.backend.inspect(self.ids[which]).service_key
        if mode == "default":
            if service in self.rig.grants.all():
                self.rig.grants.take_back(service)
        else:
            self.rig.grants.give(service, Mode(mode), "test")

    @rule(on=st.booleans())
    def freeze(self, on):
        if on:
            self.rig.freeze.freeze("test", "")
        else:
            self.rig.freeze.thaw()

    @rule(which=targets)
    def recreate(self, which):
        self.ids[which] = self.rig.backend.recreate(self.ids[which])
        self.rig.look()

    @invariant()
    def nothing_went_wrong(self):
        assert not self.wrong

    @invariant()
    def the_ceiling_holds_by_the_engines_own_account(self):
        for end in {at for at, *_ in self.done}:
            window = [(target, service) for at, target, service, _ in self.done if end - 3600 < at <= end]
            assert len(window) <= 30
            for name in {s for _, s in window}:
                assert sum(s == name for _, s in window) <= 10
            for name in {t for t, _ in window}:
                assert sum(t == name for t, _ in window) <= 10

    @invariant()
    def every_act_is_on_record(self):
        if self.done:
            at, *_, key = self.done[-1]
            assert self.rig.acts.find(key) is not None, at

    def teardown(self) -> None:
        verbs.fault = recover.fault = lambda _name: None
        if hasattr(self, "rig"):
            self.rig.acts.close()
        shutil.rmtree(self.folder)


TestHands = Hands.TestCase
TestHands.settings = hypothesis_settings(
    max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=list(Check)
)
