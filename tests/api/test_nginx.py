"""The page below a path, behind a real nginx: as docs/how-to/behind-a-proxy.md sets it up."""

from __future__ import annotations

import http.client
import http.cookiejar
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import pytest

from support_hub import Stand, stand
from support_nginx import nginx
from support_repo import ROOT

PUBLIC = "http://ops.example/paramedic/"
_DOCUMENTED = re.search(r"```nginx\n(.*?)```", (ROOT / "docs/how-to/behind-a-proxy.md").read_text(), re.DOTALL)


def directives(stand: Stand, *, strips: bool) -> str:
    assert _DOCUMENTED is not None
    upstream = f"http://127.0.0.1:{stand.server.port}"
    return _DOCUMENTED[1].replace("http://127.0.0.1:9110/", f"{upstream}/" if strips else upstream)


class Visitor:
    """A browser as far as HTTP goes: cookies, Host, Origin."""

    def __init__(self, proxy: str) -> None:
        self.proxy = proxy
        self.jar = http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(strict_domain=False))
        self._opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPCookieProcessor(self.jar))

    def ask(self, path: str, body: object = None, method: str = "", **headers: str) -> tuple[int, str, dict[str, str]]:
        sent = {"Host": "ops.example", "Origin": "http://ops.example", "Sec-Fetch-Site": "same-origin"}
        if body is not None:
            sent["Content-Type"] = "application/json"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(urljoin(self.proxy, path), data, sent, method=method or None)
        try:
            with self._opener.open(request, timeout=10) as answer:
                return answer.status, answer.read().decode(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), dict(error.headers)

    def log_in(self, token: str) -> int:
        status, _, _ = self.ask("/paramedic/api/v1/session", {"token": token})
        # urllib's jar keeps cookies of the address that was dialled, not of the Host that was sent.
        return status

    def stream(self, path: str):
        request = urllib.request.Request(urljoin(self.proxy, path), headers={"Host": "ops.example"})
        return self._opener.open(request, timeout=15)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args):
        return None


@pytest.fixture(scope="module", params=[True, False], ids=["proxy-strips", "hub-strips"])
def front(request) -> Iterator[tuple[Stand, Visitor]]:
    with stand(serve=True, public_url=PUBLIC, trusted_proxies=("127.0.0.1",)) as found:
        found.wait_known()
        with nginx(directives(found, strips=request.param)) as address:
            yield found, Visitor(address)


def test_without_a_login_there_is_the_way_to_it_below_the_path(front) -> None:
    status, _, headers = front[1].ask("/paramedic/", Accept="text/html")
    assert (status, headers["Location"]) == (303, "./login")
    status, page, _ = front[1].ask("/paramedic/login", Accept="text/html")
    assert status == 200
    links = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert links
    for link in links:
        assert not link.startswith(("/", "http")), "a link that leaves the path"
    style = next(link for link in links if link.endswith(".css"))
    assert front[1].ask(urljoin("/paramedic/login", style))[0] == 200


def test_the_path_without_its_slash_leads_to_it(front) -> None:
    status, _, headers = front[1].ask("/paramedic")
    assert status in (301, 308)
    assert headers["Location"].endswith("/paramedic/")


def test_login_a_post_and_the_live_stream(front) -> None:
    found, visitor = front
    assert visitor.log_in(found.token("admin")) == 200
    assert [c.path for c in visitor.jar] == ["/paramedic"]
    status, page, _ = visitor.ask("/paramedic/services/shop/api", Accept="text/html")
    assert status == 200
    assert 'data-root="../../"' in page
    status, text, _ = visitor.ask("/paramedic/api/v1/freeze", {"on": True, "reason": "a look"})
    assert status == 200, text
    assert found.house.frozen[-1]["on"] is True
    with visitor.stream("/paramedic/api/v1/live") as live:
        assert live.headers["Content-Type"].startswith("text/event-stream")
        began = time.monotonic()
        assert live.readline()
        assert time.monotonic() - began < 5, "held back by the proxy's buffer"
        found.hub.bulletin.bump("world")
        lines = iter(live.readline, b"")
        assert any(b"world" in line for line in lines)


def test_another_site_and_a_forged_host_are_refused(front) -> None:
    found, visitor = front
    signed = f"Bearer {found.token('admin')}"
    before = len(found.house.frozen)
    for headers, code in (
        ({"Origin": "http://evil.example"}, "other_site"),
        ({"Sec-Fetch-Site": "cross-site"}, "other_site"),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, "unknown_host"),
        ({"X-Forwarded-Host": "evil.example"}, "unknown_host"),
    ):
        sent = {"Authorization": signed, **headers}
        status, text, _ = visitor.ask("/paramedic/api/v1/freeze", {"on": True, "reason": "x"}, **sent)
        assert (status, json.loads(text)["type"].rpartition(":")[2]) == (403, code), headers
    assert len(found.house.frozen) == before


def test_wrong_tokens_slow_down_who_tried_them_and_nobody_else(front) -> None:
    _, visitor = front
    wrong = {"Host": "ops.example", "Authorization": f"Bearer paramedic_{'x' * 43}"}
    for _ in range(12):
        status = _from("127.0.0.2", visitor.proxy, wrong)
    assert status == 429
    # What a client writes into the header itself stands left of what nginx appends.
    assert _from("127.0.0.2", visitor.proxy, {**wrong, "X-Forwarded-For": "198.51.100.7"}) == 429
    assert _from("127.0.0.3", visitor.proxy, wrong) == 401


def _from(source: str, proxy: str, headers: dict[str, str]) -> int:
    """Ask through the proxy from another loopback address than the proxy's own, which is trusted."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(proxy).port, timeout=10, source_address=(source, 0))
    try:
        connection.request("GET", "/paramedic/api/v1/status", headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()
