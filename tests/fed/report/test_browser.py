"""The pages in a real browser, if there is one: what is seen, not what is written."""

import re
import shutil
from pathlib import Path

import pytest

from fed.report import write_report
from tests.fed.report.synthetic import BINARY, judged, samples, write_run
from tests.fed.study.graded_runs import write_small_comparison
from tests.fed.study.synthetic import write_small_study

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SCREENS = [(400, "light"), (400, "dark"), (1200, "light"), (1200, "dark")]
SMALLEST = 10
"""CSS pixels of the smallest text."""
PAGES = 6
ON_SHADES = {"rgb(32, 35, 44)", "rgb(253, 253, 253)"}
"""Words in the cells of a confusion matrix, whose shades are the same on a dark screen."""

TEXTS = """() => [...document.querySelectorAll('body *')].filter(e =>
    [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())
).map(e => {
    const box = e.getBoundingClientRect(), svg = e.closest('svg');
    let pixels = parseFloat(getComputedStyle(e).fontSize);
    if (svg && svg.viewBox.baseVal.width)
        pixels *= svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    return [box.width * box.height, pixels, e.textContent.trim()];
}).filter(([area]) => area > 0)"""
OUTSIDE = """() => [...document.querySelectorAll('svg text')].filter(e => {
    const text = e.getBoundingClientRect();
    const svg = e.closest('svg').getBoundingClientRect();
    return text.width && (text.right > svg.right + 1 || text.left < svg.left - 1);
}).map(e => e.textContent.trim())"""
COLOURS = """() => [getComputedStyle(document.body).backgroundColor,
    ...[...document.querySelectorAll('p, td, figcaption, svg text')]
        .map(e => getComputedStyle(e)[e.tagName === 'text' ? 'fill' : 'color'])]"""


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)}")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    write_run(folder / "four", triage=judged()["triage"])
    write_run(folder / "two", classes=BINARY, unseen=1, triage=judged(BINARY, 1)["triage"])
    write_run(folder / "judged", **judged(mix=(68, 10, 12, 10)))
    return {
        "judged": write_report(folder / "judged", []),
        "compared": write_small_comparison(folder / "compared"),
        "four": write_report(folder / "four", samples()),
        "two": write_report(folder / "two", []),
        "study": write_small_study(folder / "study"),
    }


@pytest.mark.parametrize("name", ["four", "two", "study", "judged", "compared"])
def test_a_page_fits_every_screen_and_can_be_read(browser, pages, name):
    for width, scheme in SCREENS:
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.goto(pages[name].as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert [t for _, pixels, t in page.evaluate(TEXTS) if pixels < SMALLEST] == []
        assert page.evaluate(OUTSIDE) == []
        paper, *inks = page.evaluate(COLOURS)
        assert (_luminance(paper) < 0.1) == (scheme == "dark")
        assert [ink for ink in set(inks) - ON_SHADES if _contrast(paper, ink) < 4.5] == []
        page.close()


@pytest.mark.parametrize("name", ["four", "two", "study", "compared"])
def test_a_page_prints_on_few_sheets_without_its_configuration(browser, pages, name):
    page = browser.new_page(viewport={"width": 710, "height": 1000}, color_scheme="dark")
    page.goto(pages[name].as_uri())
    printed = page.pdf(format="A4", prefer_css_page_size=True, print_background=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) <= PAGES
    page.emulate_media(media="print")
    texts = page.evaluate(TEXTS)
    assert [t for _, pixels, t in texts if pixels < SMALLEST] == []
    assert not any("method: fedrima" in t for _, _, t in texts)
    assert _luminance(page.evaluate(COLOURS)[0]) > 0.9
    assert page.evaluate("document.documentElement.scrollWidth") <= 710
    page.close()


def _luminance(colour: str) -> float:
    """Return the relative luminance of ``rgb(r, g, b)`` (WCAG 2)."""
    channels = [int(c) / 255 for c in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (WCAG 2), 1 to 21."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)
