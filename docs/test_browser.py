"""The built pages in a real browser: ``nox -s docs``, then ``nox -s docs_browser``."""

import functools
import os
import shutil
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import links  # noqa: E402  (this folder is where it is)
import repository  # noqa: E402

ROOT = Path(os.environ.get("FASTLAYERS_PAGES", HERE.parent / "build" / "docs")).resolve()
PAGES = sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*.html") if "_static" not in path.parts)
SCREENS = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
ABORTED = "net::ERR_ABORTED"  # of the page before, when another is opened


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """No line for each request."""


@pytest.fixture(scope="module")
def address():
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(ROOT)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert program, "no Chromium on the PATH (Debian: apt-get install chromium)"
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses to run as root with one
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=[("desktop", "light"), ("phone", "dark")], ids="-".join)
def page(request, browser, address):
    """A page whose complaints are kept in `faults`: errors, failed requests, and any request to somewhere else."""
    screen, scheme = request.param
    context = browser.new_context(viewport=SCREENS[screen], color_scheme=scheme, base_url=address)
    page = context.new_page()
    page.faults = []
    page.on("console", lambda message: page.faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("requestfailed", lambda failed: page.faults.append(failed.url) if failed.failure != ABORTED else None)
    page.on("response", lambda answer: page.faults.append(answer.url) if answer.status >= 400 else None)
    page.on(
        "request", lambda sent: page.faults.append(sent.url) if not sent.url.startswith((address, "data:")) else None
    )
    yield page
    context.close()


# What reaches beyond the screen, and can neither be scrolled to nor is hidden on purpose.
CUT_OFF = """() => [...document.querySelectorAll(".bd-article-container *")].filter(element => {
    const { width, left, right } = element.getBoundingClientRect();
    if (!width || Math.max(right, left + element.scrollWidth) <= innerWidth + 1) return false;
    for (let outer = element; outer; outer = outer.parentElement) {
        const { overflowX, visibility } = getComputedStyle(outer);
        if (["auto", "scroll"].includes(overflowX) && outer.scrollWidth > outer.clientWidth) return false;
        if (visibility === "hidden" || outer.matches("mjx-assistive-mml")) return false;
        if (outer.matches(".bd-article-container")) return true;
    }
}).map(element => element.outerHTML.slice(0, 200))"""

# Cells so narrow that their words are broken into letters.
SQUEEZED = """() => [...document.querySelectorAll(".bd-article td")].filter(cell => {
    return cell.innerText.length > 10 && cell.getBoundingClientRect().width < 50;
}).map(cell => cell.innerText)"""

# Formulas that are still text, or that MathJax did not understand.
UNDRAWN = """() => [...document.querySelectorAll(".bd-article .math")].filter(formula => {
    return !formula.querySelector("svg") || formula.querySelector("[data-mml-node=merror]");
}).map(formula => formula.textContent)"""


# The package's name where it is broken into two lines.
BROKEN = """() => {
    const broken = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text; (text = texts.nextNode());) {
        for (const { index } of text.data.matchAll(/fastlayers/g)) {
            const name = document.createRange();
            name.setStart(text, index);
            name.setEnd(text, index + "fastlayers".length);
            const lines = [...name.getClientRects()].filter(line => line.width).map(line => Math.round(line.top));
            if (new Set(lines).size > 1) broken.push(text.data);
        }
    }
    return broken;
}"""


def visit(page, name):
    """Open a page and wait for its formulas."""
    page.faults.clear()
    answer = page.goto(f"/{name}", wait_until="load")
    page.evaluate("() => window.MathJax && MathJax.startup ? MathJax.startup.promise.then(() => true) : true")
    return answer


def test_there_are_pages():
    assert {"index.html", "tutorial/affine.html", "gallery/index.html", "search.html"} <= set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_without_errors_and_fits_the_screen(page, name):
    assert visit(page, name).ok
    assert page.faults == []
    assert page.title()
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    assert page.evaluate(CUT_OFF) == []
    assert page.evaluate(SQUEEZED) == []
    assert page.evaluate(UNDRAWN) == []
    assert page.evaluate(BROKEN) == []
    broken = page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)")
    assert broken == []


def test_the_first_page_has_three_doors_and_the_way_to_the_repository(page):
    visit(page, "index.html")
    doors = page.locator(".bd-article .sd-row").first.locator("a.sd-stretched-link")
    assert [Path(door.get_attribute("href")).stem for door in doors.all()] == ["accelerate", "scikit_learn", "control"]
    assert doors.first.bounding_box()["y"] < page.viewport_size["height"]
    found = page.locator(".bd-header .navbar-icon-links a")
    known = [link["url"] for link in repository.icon_links(os.environ)]
    assert [link.get_attribute("href") for link in found.all()] == known * bool(found.count())
    assert bool(found.count()) == bool(known)


@pytest.mark.parametrize("name", ["benchmarks.html", "accuracy.html", "scaling.html"])
def test_figures_are_scrolled_on_a_phone_at_a_size_at_which_their_text_is_read(page, name):
    visit(page, name)
    figures = page.locator(".bd-article p > img")
    assert figures.count()
    for figure in figures.all():
        natural, width, available, inside = figure.evaluate(
            "f => [f.naturalWidth, f.clientWidth, f.parentElement.clientWidth, f.parentElement.scrollWidth]"
        )
        if page.viewport_size == SCREENS["phone"]:
            assert width >= 0.7 * natural  # the text of 13 pixels or more is of 9 or more
            assert inside >= width > available
        else:
            assert inside <= available


def test_there_are_formulas(page):
    visit(page, "tutorial/affine.html")
    assert page.locator(".bd-article .math mjx-container svg").count() > 30


def test_the_computation_graphs_are_there(page):
    visit(page, "tutorial/apple.html")
    images = page.locator(".bd-article .cell_output img")
    assert images.count() >= 4
    assert all(image.get_attribute("src").endswith(".svg") for image in images.all())


def test_both_implementations_stand_side_by_side_on_a_wide_window(page):
    visit(page, "tutorial/activations.html")
    left, right = (page.locator(".both").first.locator(".sd-col").nth(i).bounding_box() for i in (0, 1))
    if page.viewport_size == SCREENS["desktop"]:
        assert left["y"] == right["y"]
        assert right["x"] >= left["x"] + left["width"] - 1
    else:
        assert right["y"] >= left["y"] + left["height"] - 1


def test_search_finds_a_function(page):
    visit(page, "search.html?q=softmax_cross_entropy")
    found = page.locator("#search-results a[href*='fastlayers.softmax_cross_entropy']")
    found.first.wait_for(timeout=20_000)
    assert page.faults == []
    found.first.click()
    page.wait_for_load_state()
    assert "softmax_cross_entropy" in page.locator("h1").inner_text()


def test_light_and_dark(page, request):
    visit(page, "index.html")
    dark = "dark" in request.node.callspec.id
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    red, green, blue = (int(part) for part in background.strip("rgb()").split(","))
    assert (red + green + blue < 3 * 128) == dark


def test_no_dead_links():
    assert list(links.dead_links(ROOT)) == []
