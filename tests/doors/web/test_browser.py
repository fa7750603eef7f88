"""The pages in a real browser: by keyboard, on a telephone, in both schemes, while a run goes on.

Debian's Chromium, driven by Playwright, against a real server; skipped without either of them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from trueup.app.wiring import Workspace, open_workspace
from trueup.lifecycle.runs.tracking.records import Point, TrackedRun

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium"),
]

PLACES = ["/", "/data", "/runs", "/sweeps", "/schedules", "/experiments", "/models"]
# The contrast of each text with what is behind it, and the limits of WCAG 2.2 AA.
CONTRAST = """() => {
  const parse = (colour) => {
    const found = colour.match(/[\\d.]+/g).map(Number);
    return found.length < 4 ? [...found, 1] : found;
  };
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const says = [...element.childNodes].some((n) => n.nodeType === 3 && n.nodeValue.trim());
    if (!says || !element.checkVisibility()) continue;
    if (element.closest("svg, .unseen, .skip, option")) continue;
    const style = getComputedStyle(element);
    const both = [light(parse(style.color)), light(behind(element))];
    const ratio = (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (style.fontWeight >= 700 && size >= 18.66);
    if (ratio < (isLarge ? 3 : 4.5)) faint.push(element.outerHTML.slice(0, 80));
  }
  return faint;
}"""


class Shown:
    """A server with a few tracked runs, and a browser."""

    def __init__(self, root: Path, browser: Any) -> None:
        self.root = root
        self.browser = browser
        self.address = ""
        self.runs: list[TrackedRun] = []
        self.number = 0

    @property
    def pages(self) -> list[str]:
        chosen = "&".join(f"run={run.id}" for run in self.runs[:2])
        at = f"/experiments/{self.number}"
        return [*PLACES, at, f"{at}/compare?{chosen}", f"/runs/{self.runs[0].id}"]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    root = tmp_path_factory.mktemp("shown")
    (root / "trueup.toml").write_text('[project]\nname = "shown"\nobjective = "To be seen"\n')
    with ExitStack() as stack:
        driver = stack.enter_context(playwright.sync_playwright())
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        stack.callback(browser.close)
        found = Shown(root, browser)
        with open_workspace(root) as workspace:
            found.number = workspace.tracking.create_experiment(workspace.owner, "digits").number
            for place, state in enumerate(["finished", "failed", "running"]):
                found.runs.append(track(workspace, found.number, f"run-{place}", state))
        command = [sys.executable, "-m", "trueup", "up", "--port", "0", "--until-stdin-closes"]
        server = stack.enter_context(
            subprocess.Popen(
                command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        )
        stack.callback(server.stdin.close)  # type: ignore[union-attr]
        first = server.stdout.readline()  # type: ignore[union-attr]
        found.address = re.findall(r"http://[\d.:]+", first)[0]
        yield found


def track(workspace: Workspace, number: int, name: str, state: Any) -> TrackedRun:
    tracking, owner = workspace.tracking, workspace.owner
    made = tracking.start(owner, number, name=name, lease=3_600_000)
    points = [Point("val/loss", 1 / (step + 1), step, 1000 + step) for step in range(50)]
    params = {"lr": f"0.{len(name)}2345678901234", "a-very-long-parameter-name-that-goes-on": name}
    tracking.log(owner, made.id, metrics=points, params=params, tags={"note": "words " * 40})
    return made if state == "running" else tracking.change(owner, made.id, state=state, ended_at=1)


@pytest.fixture
def page(shown: Shown, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A page in the wanted scheme and width; whatever its console complains of fails the test."""
    scheme, width = getattr(request, "param", ("light", 1280))
    context = shown.browser.new_context(
        base_url=shown.address, color_scheme=scheme, viewport={"width": width, "height": 900}
    )
    complaints: list[str] = []
    opened = context.new_page()
    opened.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert complaints == []


@pytest.mark.parametrize("page", [("light", 390), ("dark", 390), ("light", 1280)], indirect=True)
def test_every_page_fits_its_screen_and_can_be_read(page: Any, shown: Shown) -> None:
    for path in shown.pages:
        page.goto(path)
        wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wider <= 0, f"{path} scrolls sideways by {wider} pixels"
        assert page.evaluate(CONTRAST) == [], path


def test_keys_alone_lead_from_the_list_to_a_comparison(page: Any, shown: Shown) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("g")
    page.keyboard.press("e")
    page.wait_for_url("**/experiments")
    page.get_by_role("link", name="digits").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/experiments/{shown.number}")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "where"
    for run in shown.runs[:2]:
        page.get_by_role("checkbox", name=f"Compare {run.name}").focus()
        page.keyboard.press("Space")
    page.get_by_role("button", name="Compare the chosen ones").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/compare?*")
    assert page.get_by_role("heading", level=1).inner_text() == "2 runs of digits"
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible()


def test_a_run_that_goes_on_is_shown_as_it_goes_without_losing_what_was_opened(
    page: Any, shown: Shown
) -> None:
    run = shown.runs[2]
    page.goto(f"/runs/{run.id}")
    page.get_by_text("The same as a table").first.click()
    with open_workspace(shown.root) as workspace:
        workspace.tracking.log(workspace.owner, run.id, tags={"late": "it came later"})
    page.get_by_role("cell", name="it came later").wait_for()
    assert page.locator("figure details[open]").count() == 1


def test_addresses_that_mlflows_clients_print_lead_to_the_run(page: Any, shown: Shown) -> None:
    run = shown.runs[0]
    page.goto(f"/#/experiments/{shown.number}/runs/{run.id}")
    page.wait_for_url(f"**/runs/{run.id}")
    page.goto(f"/#/experiments/{shown.number}")
    page.wait_for_url(f"**/experiments/{shown.number}")
