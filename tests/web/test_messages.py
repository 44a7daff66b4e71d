"""The page of messages in a real Chromium: who is told, whether it gets there, and that what is foreign stays text."""

import pytest

from paramedic_core.settings import Channel, HeartbeatSettings, Secret, Told
from support_browser import Browser
from support_hub import stand
from support_receivers import receiver
from support_wait import wait_until

pytestmark = pytest.mark.web


def test_nobody_is_told_yet(page: Browser, still) -> None:
    page.open(f"{still.url}messages")
    assert page.text("h1") == "Messages"
    assert "name a channel under notify in the configuration" in page.text("#channels")
    assert page.text("nav [aria-current]") == "Messages"


@pytest.mark.parametrize("dark", [False, True])
def test_channels_and_what_goes_wrong(page: Browser, tmp_path, dark: bool) -> None:
    with receiver(answers=[500]) as bad, receiver() as good:
        channels = (
            Channel("webhook", Secret(f"{bad.url}/s3cret"), name="ops"),
            Channel("ntfy", Secret(f"{good.url}/my-topic"), gets=(Told.GAVE_UP,)),
        )
        beat = HeartbeatSettings(Secret(f"{good.url}/s3cret"), 1.0)
        with stand(serve=True, notify=channels, heartbeat=beat) as found:
            found.wait_known()
            found.house.record(kind="opened", incident="i1", target="t", name="<b>web</b>", service="w", cause="unhealthy",
                               text="<script>alert(1)</script>", asked="")  # fmt: skip
            found.house.record(
                kind="gave_up", incident="i1", target="t", name="<b>web</b>", service="w", text="Given up."
            )
            good.wait(2)
            wait_until(lambda: found.hub.messages.senders[0].error)
            wait_until(lambda: found.hub.heartbeat.sent)
            for width, height in ((1320, 1000), (390, 800)):
                page.look(width, height, dark=dark)
                page.open(f"{found.url}messages")
                overflow = page.run("return document.documentElement.scrollWidth - innerWidth")
                assert overflow <= 0, f"{overflow} px wider than {width}"
                page.picture(tmp_path / f"{width}.png")
            shown = page.text("#channels")
            assert "ops webhook" in shown
            assert "answers 500" in shown
            assert "my-topic" not in shown
            assert "s3cret" not in page.run("return document.documentElement.outerHTML")
            assert "while runtime, healer and engine are well" in page.text("#beat")
            assert "Messages by ops do not get through" in page.text("#notices")
            page.open("about:blank")
