"""A real Chromium through chromedriver, by the W3C WebDriver protocol alone (https://www.w3.org/TR/webdriver2/): JSON over HTTP."""

from __future__ import annotations

import base64
import http.client
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from support_ports import free_port

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)


def missing() -> str:
    """What is not installed, or nothing."""
    return ", ".join(name for name in ("chromium", "chromedriver") if shutil.which(name) is None)


class Browser:
    """One headless browser with an empty profile; `close` ends it and what it started."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="pm-web-")
        self._port = free_port()
        driver = shutil.which("chromedriver") or "chromedriver"
        self._driver = subprocess.Popen(
            [driver, f"--port={self._port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            self._wait_for_driver()
            options = {
                "binary": shutil.which("chromium"),
                "args": [*FLAGS, f"--user-data-dir={self._folder.name}/profile"],
            }
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            answer = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
            self._session = f"/session/{answer['sessionId']}"
        except BaseException:
            self._end()
            raise

    def open(self, url: str) -> None:
        """Go to a page and wait until it is loaded."""
        self._ask("/url", {"url": url})

    def run(self, script: str, *args: Any) -> Any:
        """Run a script's body in the page; its `return` is the answer."""
        return self._ask("/execute/sync", {"script": script, "args": list(args)})

    def text(self, selector: str) -> str:
        """The text of the first element that matches; empty for none."""
        return str(self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector))

    def wait(self, script: str, *args: Any, within: float = 30.0) -> Any:
        """Wait until a script's answer is true, and return it."""
        end = time.monotonic() + within
        while True:
            answer = self.run(script, *args)
            if answer:
                return answer
            if time.monotonic() > end:
                raise AssertionError(f"not so within {within:g} s: {script} {args}\n{self.text('body')[:2000]}")
            time.sleep(0.05)

    def log(self) -> list[str]:
        """What the browser complained of since the last call: errors of scripts, network and policy."""
        entries = self._ask("/se/log", {"type": "browser"})
        return [f"{e['level']}: {e['message']}" for e in entries]

    def devtools(self, command: str, **params: Any) -> Any:
        """One command of the DevTools protocol."""
        return self._ask("/goog/cdp/execute", {"cmd": command, "params": params})

    def look(self, width: int, height: int, *, dark: bool = False) -> None:
        """The window's size and the colours that the person prefers."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.devtools("Emulation.setEmulatedMedia", features=scheme)

    def picture(self, path: Path) -> bytes:
        """A picture of the window, written to `path`."""
        data = base64.b64decode(self.devtools("Page.captureScreenshot", format="png")["data"])
        path.write_bytes(data)
        return data

    def press(self, *keys: str) -> None:
        """Press keys one after another; names as WebDriver's code points."""
        actions = [a for key in keys for a in ({"type": "keyDown", "value": key}, {"type": "keyUp", "value": key})]
        self._ask("/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def close(self) -> None:
        """End the browser."""
        try:
            self._call("DELETE", self._session, None)
        finally:
            self._end()

    def _end(self) -> None:
        self._driver.terminate()
        try:
            self._driver.wait(5)
        except subprocess.TimeoutExpired:
            self._driver.kill()
            self._driver.wait(5)
        self._folder.cleanup()

    def _ask(self, path: str, body: dict[str, Any]) -> Any:
        return self._call("POST", self._session + path, body)

    def _wait_for_driver(self) -> None:
        end = time.monotonic() + 20
        while True:
            try:
                if self._call("GET", "/status", None)["ready"]:
                    return
            except OSError:
                if time.monotonic() > end:
                    raise
            time.sleep(0.05)

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"})
            value = json.loads(connection.getresponse().read())["value"]
        finally:
            connection.close()
        if isinstance(value, dict) and "error" in value:
            raise RuntimeError(f"{value['error']}: {value.get('message', '')[:2000]}")
        return value
