"""Debian's Chromium without a window, driven by its DevTools protocol over a pipe: no port, no driver, no network."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SECONDS = 60
FLAGS = (
    "--headless=new", "--no-sandbox", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)  # fmt: skip


class Browser:
    """One process, until it is closed; every page has cookies and settings of its own."""

    def __init__(self, program: str, folder: Path) -> None:
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        quiet = os.open(os.devnull, os.O_RDWR)
        home = {
            **os.environ,
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
            "XDG_CACHE_HOME": str(folder),
        }
        self._pid = os.posix_spawn(
            program, [program, *FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"], home,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, quiet, 1), (os.POSIX_SPAWN_DUP2, quiet, 2),
                (os.POSIX_SPAWN_DUP2, theirs_in, 3), (os.POSIX_SPAWN_DUP2, theirs_out, 4),
            ],
        )  # fmt: skip
        for end in (theirs_in, theirs_out, quiet):
            os.close(end)
        self._number, self._rest, self._events = 0, b"", list[dict[str, Any]]()

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """What the browser answers."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        os.write(self._to, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                result: dict[str, Any] = answer["result"]
                return result
            self._events.append(answer)

    def event(self, session: str, *methods: str) -> dict[str, Any]:
        """The next event of one of these kinds."""
        while True:
            for event in self._events:
                if event.get("sessionId") == session and event.get("method") in methods:
                    self._events.remove(event)
                    return event
            self._events.append(self._next())

    def events(self, session: str, *methods: str) -> list[dict[str, Any]]:
        """Those that have come so far."""
        self.call("Runtime.evaluate", session, expression="0")  # all that came before it is here now
        return [
            one for one in self._events if one.get("sessionId") == session and one.get("method") in methods
        ]

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + SECONDS
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._from], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "Chromium does not answer"
            come = os.read(self._from, 1 << 20)
            assert come, "Chromium has ended"
            self._rest += come
        one, self._rest = self._rest.split(b"\0", 1)
        answer: dict[str, Any] = json.loads(one)
        return answer

    def close(self) -> None:
        """Ends the process that it started."""
        os.close(self._to)
        os.close(self._from)
        deadline = time.monotonic() + 10
        while os.waitpid(self._pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                os.kill(self._pid, signal.SIGKILL)
            time.sleep(0.02)


@dataclass
class Tab:
    """A page that is looked at."""

    browser: Browser
    session: str
    seen: list[str] = field(default_factory=list)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """What the browser answers for this page."""
        return self.browser.call(method, self.session, **params)

    def goto(self, address: str) -> None:
        """Opens an address and waits until it is loaded."""
        self.call("Page.navigate", url=address)
        self.browser.event(self.session, "Page.loadEventFired")

    def run(self, expression: str) -> Any:
        """What an expression comes to; promises are waited for. Works on pages whose own scripts are off, too."""
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def until(self, expression: str) -> None:
        """Waits until an expression comes true."""
        deadline = time.monotonic() + SECONDS
        while not self.run(expression):
            assert time.monotonic() < deadline, expression
            time.sleep(0.05)

    def complaints(self) -> list[str]:
        """What stands in the console: errors of scripts, of the policy of contents, of the network."""
        methods = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")
        return [json.dumps(event["params"]) for event in self.browser.events(self.session, *methods)]

    def shot(self, file: Path, *, whole: bool = True) -> None:
        """A picture."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 6000), "scale": 1}
        shot = self.call(
            "Page.captureScreenshot", captureBeyondViewport=whole, **({"clip": clip} if whole else {})
        )
        file.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def tab(
    browser: Browser,
    *,
    width: int = 1280,
    height: int = 900,
    dark: bool = False,
    scripts: bool = True,
    calm: bool = False,
) -> Iterator[Tab]:
    """A page of that size, for somebody with these wishes."""
    context = browser.call("Target.createBrowserContext")["browserContextId"]
    target = browser.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
    session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    made = Tab(browser, session)
    for domain in ("Page", "Runtime", "Log", "Network"):
        made.call(f"{domain}.enable")
    made.call(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=height,
        deviceScaleFactor=1,
        mobile=width < 600,
    )
    wishes = {
        "prefers-color-scheme": "dark" if dark else "light",
        "prefers-reduced-motion": "reduce" if calm else "",
    }
    made.call(
        "Emulation.setEmulatedMedia",
        features=[{"name": name, "value": is_so} for name, is_so in wishes.items()],
    )
    made.call("Emulation.setScriptExecutionDisabled", value=not scripts)
    yield made
    browser.call("Target.disposeBrowserContext", browserContextId=context)


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """The browser, where it is installed."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed (Debian's package chromium has it)")
    browser = Browser(program, folder)
    try:
        yield browser
    finally:
        browser.close()
