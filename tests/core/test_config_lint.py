"""What is allowed and probably not meant."""

import pytest

from paramedic_core.config.load import load


@pytest.mark.parametrize(
    ("sets", "path", "says"),
    [
        (["hub.listen=0.0.0.0:9110"], "hub.listen", "other machines"),
        (["collector.listen=[::]:9112"], "collector.listen", "other machines"),
        (["logs.forward.listen=0.0.0.0:24224"], "logs.forward.listen", "other machines"),
        (["healer.default=enforce"], "healer.default", "every container"),
        (["healer.default=approve"], "healer.default", "every container"),
        (["healer.max=observe", "healer.services.web=enforce"], "healer.services.web", "never takes effect"),
        (["healer.windows=10 per 5m, 5 per 1d"], "healer.windows", "never matters"),
        (["healer.windows=11 per 30m"], "healer.windows", "is never filled"),
        (["healer.windows=[]"], "healer.windows", "no window"),
        (["healer.backoff_first=10m"], "healer.backoff_first", "longer than healer.backoff_most"),
        (["runtime.resync=60s"], "healer.stale_after", "less than twice"),
        (["healer.verify_deadline=10s"], "healer.verify_deadline", "no act could ever succeed"),
    ],
)
def test_a_finding(sets, path, says):
    warnings = load(sets=sets).warnings
    assert [w.path for w in warnings] == [path]
    assert says in warnings[0].what


@pytest.mark.parametrize(
    "sets", [[], ["hub.listen=off", "collector.listen=off"], ["hub.listen=127.0.0.1:0", "collector.listen=[::1]:0"]]
)
def test_nothing_to_say(sets):
    assert not load(sets=sets).warnings
