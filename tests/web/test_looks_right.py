"""The page in Chromium: narrow, dark, without scripts, followed by its script, and with names that would be markup."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from rotator.engine.heartbeat import Process
from rotator.journal import open_memory_journal
from rotator.model.rotation import Phase, Reason, State
from rotator.testing.virtual_clock import VirtualClock
from rotator.web.looks import LOOKS, Looks
from rotator.web.metrics import Figures
from rotator.web.pulse import Pulse
from rotator.web.server import Server, application
from tests.engine.things import NOW, environment, policies
from tests.engine.world import World
from tests.web.browser import Browser, Tab, chromium, tab
from tests.web.scenery import HOSTILE, company, thousands, under_way

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

#: Texts on the backgrounds that they really have: the lowest contrast of all, and where.
CONTRAST = """(() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((one) => one / 255)
    .map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
    .reduce((sum, one, place) => sum + one * [0.2126, 0.7152, 0.0722][place], 0);
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const color = channels(getComputedStyle(one).backgroundColor);
      if (color.length < 4 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), one = walker.currentNode.parentElement;
    if (!text || !one.checkVisibility()) continue;
    const [above, below] = [light(channels(getComputedStyle(one).color)), light(ground(one))].sort((a, b) => b - a);
    found.push([Math.round((above + 0.05) / (below + 0.05) * 100) / 100, text.slice(0, 40)]);
  }
  for (const one of document.querySelectorAll(".drawing rect, .drawing line")) {
    const style = getComputedStyle(one);
    const ink = style.fill !== "none" && one.tagName === "rect" ? style.fill : style.stroke;
    const [above, below] = [light(channels(ink)), light(ground(one))].sort((a, b) => b - a);
    found.push([(above + 0.05) / (below + 0.05) * 1.5, one.getAttribute("class")]);
  }
  return found.sort((a, b) => a[0] - b[0]).slice(0, 3);
})()"""
#: What is wider than the window.
TOO_WIDE = """[...document.querySelectorAll("body *")].filter((one) => one.checkVisibility()
  && getComputedStyle(one).position !== "absolute" && one.getBoundingClientRect().right > innerWidth + 1)
  .map((one) => one.outerHTML.slice(0, 80))"""
OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true })"


@dataclass
class Shown:
    """A world whose page is served."""

    world: World
    port: int

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}/"


Show = Callable[[Callable[[World], object]], Shown]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture(scope="module")
def show() -> Iterator[Show]:
    with ExitStack() as ends:

        def shown(tell: Callable[[World], object]) -> Shown:
            clock = VirtualClock(NOW)
            journal = ends.enter_context(closing(open_memory_journal(now=clock.now)))
            world = World(clock, journal, policies(environments=(environment("production"),)))
            tell(world)
            looks = Looks(journal, world.policies, Process, clock)
            figures = Figures(journal, world.policies, lambda: "", clock)
            server = Server(application(Pulse(clock), journal, figures, looks), "127.0.0.1", 0)
            ends.callback(_when_nobody_looks)
            ends.callback(server.stop)
            return Shown(world, server.port)

        yield shown


def _when_nobody_looks() -> None:
    """A journal in memory must not close below a look that is under way."""
    for thread in threading.enumerate():
        if thread.name == "figures":
            thread.join()


@pytest.fixture(scope="module")
def taly(show: Show) -> Shown:
    return show(company)


def opened(made: Tab, shown: Shown) -> Tab:
    made.goto(shown.address)
    return made


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1280])
def test_every_text_can_be_read_and_nothing_is_cut_off(
    browser: Browser, taly: Shown, tmp_path: Path, width: int, dark: bool
) -> None:
    with tab(browser, width=width, dark=dark) as page:
        opened(page, taly).run(OPEN_ALL)
        assert page.run("matchMedia('(prefers-color-scheme: dark)').matches") is dark
        assert not page.run(TOO_WIDE)
        assert page.run("document.documentElement.scrollWidth") <= width
        lowest = page.run(CONTRAST)
        assert lowest[0][0] >= 4.5, lowest
        assert page.complaints() == []
        page.shot(tmp_path / "page.png")
        assert (tmp_path / "page.png").stat().st_size > 10_000


def test_long_names_and_errors_do_not_widen_a_phone(browser: Browser, show: Show) -> None:
    long = show(lambda world: company(world, ("X" * 200, "A_" * 90)))
    with tab(browser, width=360) as page:
        opened(page, long).run(OPEN_ALL)
        assert not page.run(TOO_WIDE)
        assert page.run("document.documentElement.scrollWidth") <= 360


def test_names_from_outside_run_nothing(browser: Browser, show: Show) -> None:
    hostile = show(lambda world: company(world, HOSTILE))
    with tab(browser) as page:
        opened(page, hostile).run(OPEN_ALL)
        assert page.run("window.broken") is None
        assert page.run("document.querySelectorAll('script').length") == 1
        assert page.complaints() == []
        page.run("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.broken=1\">')")
        page.until("document.querySelector('body > img').complete")
        assert page.run("window.broken") is None, (
            "the policy of contents would stop it if a name came through"
        )
        assert any("Content Security Policy" in one for one in page.complaints())


def test_without_scripts_it_is_the_same_page(browser: Browser, taly: Shown) -> None:
    told = []
    for scripts in (True, False):
        with tab(browser, scripts=scripts) as page:
            opened(page, taly)
            told.append(page.run("document.getElementById('live').innerText"))
            x, y = page.run(
                "(({x, y}) => [x + 30, y + 10])(document.querySelector('.failed summary').getBoundingClientRect())"
            )
            for kind in ("mousePressed", "mouseReleased"):
                page.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
            page.until("document.querySelector('.failed details').open")
            assert "What is wrong" in page.run("document.querySelector('.failed details').innerText")
    assert told[0] == told[1]


def test_it_follows_what_happens_and_leaves_the_reader_where_he_is(browser: Browser, show: Show) -> None:
    shown = show(company)
    with tab(browser, height=500) as page:
        opened(page, shown)
        page.run("document.getElementById('production/JWT_SECRET').open = true")
        page.run("document.getElementById('production/JWT_SECRET').querySelector('summary').focus()")
        page.run("window.scrollTo(0, 300)")
        said = page.run("document.getElementById('summary').textContent")
        under_way(
            shown.world, "production/VAULT_ROLE_PASSWORD", Phase.PROVE, state=State.PARKED, reason=Reason.STILL_ALIVE,
            sentence="the old one still works",
        )  # fmt: skip
        shown.world.clock.pass_by(LOOKS)
        page.until("document.querySelectorAll('.failed details').length === 2")
        page.until(f"document.getElementById('summary').textContent !== {json.dumps(said)}")
        assert page.run("document.getElementById('summary').textContent").startswith("7 need you")
        assert page.run("document.title") == "7 need you · rotator"
        assert page.run("document.getElementById('production/JWT_SECRET').open")
        assert page.run("document.activeElement.closest('details').id") == "production/JWT_SECRET"
        assert page.run("window.scrollY") == 300
        assert page.complaints() == []


def test_a_daemon_that_is_gone_is_said(browser: Browser, show: Show) -> None:
    shown = show(company)
    with tab(browser) as page:
        opened(page, shown)
        page.call(
            "Network.emulateNetworkConditions",
            offline=True,
            latency=0,
            downloadThroughput=0,
            uploadThroughput=0,
        )
        page.until("document.getElementById('note').textContent.includes('could not be asked for again')")
        assert "SES_SMTP_PASSWORD" in page.run("document.getElementById('live').innerText"), (
            "it keeps what it knew"
        )
        page.call(
            "Network.emulateNetworkConditions",
            offline=False,
            latency=0,
            downloadThroughput=-1,
            uploadThroughput=-1,
        )
        page.until("document.getElementById('note').textContent === ''")


def test_who_hears_the_page_is_led_through_it(browser: Browser, taly: Shown) -> None:
    with tab(browser) as page:
        opened(page, taly)
        page.call("Accessibility.enable")
        nodes = page.call("Accessibility.getFullAXTree")["nodes"]
        roles: dict[str, list[str]] = {}
        for node in nodes:
            if not node.get("ignored"):
                roles.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
        assert {"main", "banner", "navigation", "contentinfo", "search"} <= roles.keys()
        assert roles["navigation"] == ["Sections"]
        assert "Find a secret" in roles["searchbox"]
        regions = [name.split(" ")[0] for name in roles["region"]]
        assert regions == [
            "Failed",
            "Overdue",
            "Waiting",
            "Due",
            "In",
            "Healthy",
            "Assisted",
            "Exempt",
            "Unmanaged",
        ]
        drawn = roles["image"] if "image" in roles else roles["img"]
        assert len(drawn) == 16
        assert all("period 100 d" in name for name in drawn)
        (parked,) = [name for name in roles["DisclosureTriangle"] if "SES_SMTP_PASSWORD" in name]
        assert "Parked" in parked, "the state is a word"
        levels = page.run("[...document.querySelectorAll('h1, h2')].map((one) => one.tagName).join('')")
        assert levels == "H1" + "H2" * 10


def test_who_wants_no_motion_gets_none(browser: Browser, taly: Shown) -> None:
    moving = "getComputedStyle(document.querySelector('summary'), '::before').transitionDuration"
    for calm, lasting in ((True, "0s"), (False, "0.12s")):
        with tab(browser, calm=calm) as page:
            assert opened(page, taly).run(moving) == lasting


def test_thousands_are_laid_out_at_once(browser: Browser, show: Show) -> None:
    many = show(lambda world: thousands(world, 5000))
    with tab(browser, width=360) as page:
        opened(page, many)
        page.until("document.querySelectorAll('details').length === 150")  # the first look may take its time
        assert page.run("document.documentElement.scrollWidth") <= 360
        assert page.complaints() == []
