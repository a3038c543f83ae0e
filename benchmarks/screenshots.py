"""Take the screenshots of the report for the README, in headless Chromium.

python -m evalsuite.report output
python benchmarks/screenshots.py output            # docs/images/report.png and docs/images/answers.png
python benchmarks/screenshots.py output --all DIR  # both pages, light and dark, phone and desktop, for review
"""

import argparse
import os
import sys
from pathlib import Path

from report import CHROMIUM

ROOT = Path(__file__).resolve().parent.parent
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
SCROLL = """async () => {
 for (let y = 0; y < document.body.scrollHeight; y += 500) {
  scrollTo(0, y);
  await new Promise((done) => setTimeout(done, 60));
 }
 scrollTo(0, 0);
}"""


def main(argv: list[str] | None = None) -> int:
    arguments = parse(argv)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = play.chromium.launch(executable_path=path, args=CHROMIUM)
        pictures = everything(arguments.folder, arguments.all) if arguments.all else readme(arguments.folder)
        for page, target, scheme, size, full in pictures:
            take(browser, page, target, scheme, size, full)
            print(f"wrote {target}")
        browser.close()
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="OUTPUT_DIR", help="the folder that contains report.html")
    parser.add_argument("--all", type=Path, metavar="DIR", help="take every page in every theme and size, into DIR")
    return parser.parse_args(argv)


def readme(folder: Path) -> list[tuple]:
    images = ROOT / "docs" / "images"
    return [(folder / "report.html", images / "report.png", "light", (1280, 1000), False),
            (folder / "answers" / "index.html", images / "answers.png", "light", (1280, 800), False)]  # fmt: skip


def everything(folder: Path, target: Path) -> list[tuple]:
    return [
        (folder / page, target / f"{name}-{scheme}-{kind}.png", scheme, size, name == "report")
        for name, page in (("report", "report.html"), ("answers", "answers/index.html"))
        for scheme in ("light", "dark")
        for kind, size in SIZES.items()
    ]


def take(browser, path: Path, target: Path, scheme: str, size: tuple[int, int], full: bool) -> None:
    """Take one screenshot; on the answers page, one response is opened."""
    target.parent.mkdir(parents=True, exist_ok=True)
    context = browser.new_context(color_scheme=scheme, viewport=dict(zip(("width", "height"), size, strict=True)))
    page = context.new_page()
    page.goto(path.absolute().as_uri())
    if path.parent.name == "answers":
        page.locator("button.chip").first.click()
        page.wait_for_selector(".response > .words")
    else:
        page.evaluate(SCROLL)  # charts are drawn when they come into view
    page.wait_for_timeout(400)
    page.screenshot(path=target, full_page=full)
    context.close()


if __name__ == "__main__":
    sys.exit(main())
