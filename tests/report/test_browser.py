"""Both pages in headless Chromium: no errors, no network, sorting, filters, inert hostile text, accessibility."""

from pathlib import Path

import pytest

from evalsuite.report.answers import packed
from tests.support import browsing, report_tree

pytestmark = pytest.mark.browser
axe_package = pytest.importorskip("axe_playwright_python")
browser = pytest.fixture(scope="module")(browsing.chromium)


@pytest.fixture
def opened(browser):
    """Opens a page of the report."""
    with browsing.quiet(browser) as visit:

        def visited(name, scheme="light", width=1280, height=900, **options):
            path, _, fragment = name.partition("#")
            page = visit(report_tree.report() / path, fragment, scheme, width, height, **options)
            page.wait_for_selector(".problem" if "answers" in name else "[data-key=dots] svg")
            return page

        yield visited


def texts(page, selector):
    return page.locator(selector).all_inner_texts()


def counted(page):
    """The numbers of problems and responses that the answers page states."""
    return [int(part.split()[0].replace(",", "")) for part in page.inner_text("#count").split(", ")]


def settle(page, before):
    """Wait until the count changes."""
    page.wait_for_function("(before) => document.querySelector('#count').innerText !== before", arg=before)


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "light"), (1280, "dark")])
def test_every_figure_is_drawn_nothing_is_wider_than_the_window_and_axe_finds_nothing_serious(opened, width, scheme):
    options = {"bypass_csp": True} if width == 1280 else {}  # for axe's own script
    page = opened("report.html", scheme, width, **options)
    page.evaluate(browsing.SCROLL)
    drawn = page.locator("figure .plot[role=img]")
    drawn.nth(11).wait_for()
    assert drawn.count() == page.locator("figure").count() == 12
    assert all(label for label in drawn.evaluate_all("all => all.map((one) => one.ariaLabel)"))
    assert page.locator("figure .plot :is(svg, canvas)").count() == 12
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    other = opened("answers/index.html", scheme, width, **options)
    assert other.evaluate("document.documentElement.scrollWidth") <= width
    if width == 1280:
        see_nothing_serious(page)
        other.locator("button.chip").first.click()
        other.wait_for_selector(".response > .words")
        other.evaluate(browsing.SCROLL)
        see_nothing_serious(other)


def see_nothing_serious(page):
    """axe, which checks a page's accessibility, finds no serious fault."""
    page.evaluate((Path(axe_package.__file__).parent / "axe.min.js").read_text())
    found = page.evaluate("axe.run()")["violations"]
    assert [(one["id"], one["nodes"][0]["target"]) for one in found if one["impact"] in ("serious", "critical")] == []


def test_a_click_on_a_column_header_sorts_by_it(opened):
    page = opened("report.html")
    names = ".results tbody th"
    assert texts(page, names) == [report_tree.EVIL, "plain"]
    head = page.locator(".results thead th").nth(1)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending" and texts(page, names) == ["plain", report_tree.EVIL]
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending" and texts(page, names) == [report_tree.EVIL, "plain"]
    page.locator("#cost thead th").nth(0).locator("button").focus()
    page.keyboard.press("Enter")
    assert page.locator("#cost thead th").nth(0).get_attribute("aria-sort") == "ascending"


def test_filters_apply_to_tables_and_charts(opened):
    page = opened("report.html")
    page.select_option("#task", "1")
    assert (
        set(texts(page, "figure:visible figcaption > :not(small)")) == set()
        and page.locator("figure:visible").count() == 6
    )
    page.select_option("#task", "")
    page.fill("#filter", "PLAIN, nobody")
    page.locator("figure[data-kind=dots] .plot[aria-label*='1 model on']").first.wait_for()
    assert texts(page, ".results tbody tr:visible th") == ["plain"]
    assert page.locator("figure[data-kind=pairs] .plot").first.inner_text() == "One model: there is nothing to compare."
    page.fill("#filter", "")
    page.select_option("#order", "mean")
    page.locator("details.numbers summary").first.click()
    page.locator("details.numbers table").first.get_by_text("−37.5").first.wait_for()  # filled once it is open


def test_the_page_prints_completely_and_the_theme_can_be_chosen(opened):
    page = opened("report.html", "dark")
    pdf = page.pdf(format="A4")
    assert pdf.startswith(b"%PDF") and len(pdf) > 60_000
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.locator("figure .plot :is(svg, canvas)").count() == 12
    page.click("#theme")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(247, 247, 245)"


def test_a_problem_in_the_heat_map_links_to_its_answers(opened):
    page = opened("report.html")
    page.locator("figure[data-kind=heat] details summary").first.click()
    page.locator("figure[data-kind=heat] td a").first.click()
    page.wait_for_selector(".problem")
    assert page.locator(".problem").count() == 1 and "problem=" in page.url


def test_each_filter_and_the_selection_of_models_agree_with_the_data(opened):
    page = opened("answers/index.html")
    everything = page.inner_text("#count")
    assert counted(page) == [8, 48]
    for flag in ("wrong", "truncated", "silent", "disputed", "divided"):
        box = page.locator(f"#flags input[value={flag}]")
        box.check()
        settle(page, everything)
        filtered = page.inner_text("#count")
        assert counted(page) == expected(flag), flag
        box.uncheck()
        settle(page, filtered)
    page.click("#models summary")
    page.locator("#models input").nth(0).uncheck()
    settle(page, everything)
    assert counted(page) == [8, 24] and page.inner_text("#models summary") == "Models (1 of 2)"


def expected(flag):
    """The numbers of problems and responses that pass a filter, computed from the files."""
    folder = report_tree.report() / "answers"
    task = packed.read(folder, "catalog")["tasks"][0]
    problems, responses = set(), 0
    for group in task["groups"]:
        index = packed.read(folder, f"{task['folder']}/{group['folder']}/index")
        hits = [at for at in range(len(index["problem"])) if holds(flag, index, at)]
        problems |= {index["problem"][at] for at in hits}
        responses += len(hits)
    return [len(problems), responses]


def holds(flag, index, at):
    ours, theirs = index["scores"][at]
    if flag in ("truncated", "silent"):
        return index[flag][at]
    same = {
        score for key, (score, _) in zip(index["problem"], index["scores"], strict=True) if key == index["problem"][at]
    }
    return {"wrong": ours == 0, "disputed": ours != theirs, "divided": len(same) > 1}[flag]


def test_search_finds_problems_at_once_and_responses_on_request(opened):
    page = opened("answers/index.html")
    before = page.inner_text("#count")
    page.fill("#search", "case 3")
    settle(page, before)
    assert counted(page) == [1, 6]
    page.fill("#search", "RIGHT to LEFT")
    page.wait_for_selector("text=No response matches the filters.")
    page.click("#deep")
    page.wait_for_selector("#deep[data-done=yes]")
    assert counted(page) == [1, 6] and page.locator(".problem").count() == 1
    page.click("#deep")
    page.wait_for_selector("text=No response matches the filters.")


def test_hostile_responses_are_shown_as_inert_text(opened):
    page = opened("answers/index.html")
    for at in range(8):
        chip = page.locator(".problem").nth(at).locator("button.chip").first
        chip.click()
        page.wait_for_selector(f".problem:nth-child({at + 1}) .response > .words")
    page.wait_for_timeout(300)
    assert page.title() == "Answers"
    assert (
        page.locator(":is(.words, .label, .facts) :is(script, img, iframe, a, style, object, form, link, base)").count()
        == 0
    )
    shown = texts(page, ".response > .words")
    assert (
        shown[0] == report_tree.HOSTILE[0] and shown[1] == report_tree.HOSTILE[1] and shown[2] == report_tree.HOSTILE[2]
    )
    assert r"\u202eright to left\u202c \u001b[31mred\u0007 \ufeff" in shown[3]
    assert "characters between" in shown[4] and page.locator(".response > .words .katex").count() >= 2
    assert "costs $5 and $6" in shown[5] and shown[7] == "(an empty response)"
    box = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert box[0] <= 1280 and box[1] < 20_000
    page.click("text=/Show the .* characters between/ >> nth=0")
    assert len(page.locator(".response > .words").nth(4).inner_text()) > len(report_tree.LONG) - 10


def test_a_response_shows_both_verdicts_and_opens_by_keyboard(opened):
    page = opened("answers/index.html#task=aime24&problem=0000000000000001")
    chip = page.locator("button.chip[aria-label='seed 1: right, graders disagree']")
    chip.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".response .facts button")
    facts = page.locator(".response .facts").inner_text()
    for part in ("verified_match ✓ right", "extractive_match ✗ wrong", "finish: stop", "20 tokens", "as written"):
        assert part in " ".join(facts.split())
    assert chip.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Enter")
    assert page.locator(".response").count() == 0


def test_math_is_rendered_and_can_be_shown_as_source(opened):
    page = opened("answers/index.html")
    assert page.locator(".problem .prompt .katex").count() >= 3
    page.click("#math")
    assert page.locator(".katex").count() == 0 and r"\frac{x}{2}" in page.locator(".prompt").nth(1).inner_text()
