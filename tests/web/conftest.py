"""One browser for all tests of the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support_browser import Browser, missing
from support_hub import Stand, stand

WHAT = missing()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium, its window as a desk's."""
    if WHAT:
        pytest.skip(f"not installed: {WHAT} (apt-get install chromium chromium-driver)")
    found = Browser()
    try:
        yield found
    finally:
        found.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Browser]:
    """The browser, with nothing on its conscience before and nothing to complain of after the test."""
    browser.look(1320, 1000)
    browser.devtools("Network.clearBrowserCookies")
    browser.log()
    yield browser
    complaints = browser.log()
    browser.open("about:blank")
    assert not complaints, complaints


@pytest.fixture(scope="session")
def still() -> Iterator[Stand]:
    """A hub over a shop that stands still, served, for tests that only look."""
    with stand(serve=True) as found:
        found.wait_known()
        yield found


@pytest.fixture
def shop(page: Browser) -> Iterator[Stand]:
    """A hub over the shop, served; the browser leaves before it ends."""
    with stand(serve=True) as found:
        found.wait_known()
        yield found
        complaints = page.log()
        page.open("about:blank")
    assert not complaints, complaints
