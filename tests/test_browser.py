"""The page in a real browser, from disk: Playwright drives a chromium that is installed already."""

import re
import shutil

import pytest

from kdbench.report.page.compare import write_comparison
from kdbench.report.page.page import write_page
from tests.test_compare import steady
from tests.test_page import OPTIONS, make_page

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[browser]'")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium, as a Debian package or Chrome")

WIDTHS = (400, 900, 1600)
# Elements that reach beyond the window and are not in a part that scrolls by itself.
WIDER = """width => [...document.querySelectorAll("main *, header *")]
.filter((element) => !element.closest(".scroll") && element.getBoundingClientRect().right > width + 1)
.map((element) => element.outerHTML)"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A study's page with findings, and its comparison with itself."""
    folder = tmp_path_factory.mktemp("browser")
    config = make_page(folder / "study", steady)
    sensitivity = folder / "study/sensitivity"
    sensitivity.mkdir()
    (sensitivity / "sensitivity.md").write_text("Little matters.\n")
    (sensitivity / "sensitivity.svg").write_bytes((folder / "study/figures/figure2.svg").read_bytes())
    write_page(config, folder / "study", OPTIONS)
    write_comparison([folder / "study", folder / "study"], folder / "compare.html")
    return folder


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(params=["light", "dark"])
def scheme(request):
    return request.param


@pytest.fixture
def open_page(chromium, folder):
    """Open a page of the folder; afterwards it must have complained of nothing and asked no one for anything."""
    opened, complaints, requests = [], [], []

    def open_page(name="study/report.html", **options):
        page = chromium.new_page(**options)
        opened.append(page)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto((folder / name).as_uri())
        return page

    yield open_page
    for page in opened:
        page.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("name", ["study/report.html", "compare.html"])
def test_nothing_is_wider_than_the_window(open_page, name, scheme):
    for width in WIDTHS:
        page = open_page(name, viewport={"width": width, "height": 900}, color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(WIDER, width) == []


def column(page, table, place):
    return [row.locator("th, td").nth(place).inner_text() for row in page.locator(f"#{table} tbody tr").all()]


def test_a_click_sorts_a_table_by_number_and_another_the_other_way_round(open_page):
    page = open_page()
    heading = page.locator("#table2 th[data-column='2'] button")
    heading.click()
    ascending = [float(cell) for cell in column(page, "table2", 2) if cell != "–"]
    assert ascending == sorted(ascending) and len(set(ascending)) > 3
    heading.click()
    cells = column(page, "table2", 2)
    assert [float(cell) for cell in cells if cell != "–"] == ascending[::-1] and cells[-1] == "–"
    assert page.locator("#table2 th[data-column='2']").get_attribute("aria-sort") == "descending"


def test_tables_are_sorted_by_keyboard_alone_with_the_focus_to_be_seen(open_page):
    page = open_page()
    page.locator("#costs button", has_text="Learner").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    learners = column(page, "costs", 1)
    assert learners == sorted(learners) and learners[0] == "alexnet" and learners[-1] == "teacher"


def lines(page):
    """How many curves each panel shows, by its student."""
    panels = page.locator(".panel").all()
    return {panel.locator("h3").inner_text(): panel.locator(".curve").count() for panel in panels}


def test_curves_are_filtered_by_student_method_and_seed(open_page):
    page = open_page()
    methods = 4  # scratch, vanilla, peer, and the second phase of alternate learning, at two seeds
    assert lines(page) == dict.fromkeys(["alexnet", "lenet", "mobilenet"], 2 * methods)
    page.get_by_label("lenet", exact=True).uncheck()
    page.get_by_label("teacher", exact=True).check()
    page.locator("[name=method][value=scratch]").uncheck()
    page.locator("[name=seed]").select_option("2")
    assert lines(page) == {"alexnet": methods - 1, "mobilenet": methods - 1}  # the teacher has one seed, the first
    page.locator("[name=seed]").select_option("")
    assert lines(page)["teacher"] == 1
    page.locator("[name=method][value=tune]").check()
    assert lines(page)["alexnet"] == 2 * (methods - 1) + 4  # four grid points, at one seed
    for box in page.locator("[name=student]").all():
        box.uncheck()
    assert page.locator("#curves-panels").inner_text() == "No run is chosen."


def test_pointing_at_a_curve_or_pressing_arrow_keys_tells_run_seed_epoch_loss_and_accuracy(open_page):
    page = open_page()
    panel = page.locator(".panel").first
    said = re.compile(r"([\w+-]+), seed (\d), epoch (\d): loss [\d.]+, accuracy [\d.]+ %; tested in the end [\d.]+ %")
    panel.locator("svg").hover()
    assert said.fullmatch(panel.locator(".readout").inner_text())
    page.mouse.move(0, 0)
    assert panel.locator(".readout").inner_text() == ""
    panel.locator("svg").focus()
    assert said.fullmatch(panel.locator(".readout").inner_text()).groups() == ("scratch-alexnet", "1", "1")
    page.keyboard.press("ArrowRight")
    assert said.fullmatch(panel.locator(".readout").inner_text()).groups() == ("scratch-alexnet", "1", "2")
    runs = set()
    for _ in range(10):
        page.keyboard.press("ArrowUp")
        runs.add(said.fullmatch(panel.locator(".readout").inner_text()).groups())
    for _ in range(10):
        page.keyboard.press("ArrowDown")
        runs.add(said.fullmatch(panel.locator(".readout").inner_text()).groups())
    assert len(runs) == 8 and all(epoch == "2" for _, _, epoch in runs)


def test_losses_and_accuracies_have_axes_of_their_own(open_page):
    page = open_page()
    accuracy = page.locator(".panel").first.locator("text").all_text_contents()
    page.locator("[name=quantity][value=loss]").check()
    loss = page.locator(".panel").first.locator("text").all_text_contents()
    assert accuracy[-1] == "training accuracy (%)" and loss[-1] == "training loss (nats)"
    assert set(accuracy) & set(loss) < set(accuracy)


def test_without_javascript_a_sentence_stands_for_the_curves(chromium, folder):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((folder / "study/report.html").as_uri())
    assert "need JavaScript; without it, figures 2 and 3" in page.locator("#curves").inner_text()
    assert not page.locator("#curves-filters").is_visible()
    context.close()
