"""Pictures of a study's page for the documentation: light, dark, and as narrow as a telephone.

``python -m tests.screenshots results/reference/cifar10-jpeg/report.html docs/images/page`` (`make screenshots`).
"""

import argparse
import io
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, ViewportSize, sync_playwright

from tests.test_browser import CHROMIUM

Scheme = Literal["light", "dark"]
SCALE = 1.5
WIDE: ViewportSize = {"width": 1200, "height": 1100}
NARROW: ViewportSize = {"width": 400, "height": 1100}
COLOURS = 256


def take(browser: Browser, page: Path, target: Path, size: ViewportSize, scheme: Scheme, section: str = "") -> None:
    """Write what a window of this size shows of ``page``, from ``section`` on."""
    shown = browser.new_page(viewport=size, color_scheme=scheme, device_scale_factor=SCALE)
    shown.set_default_timeout(0)  # however busy the machine is
    shown.goto(f"{page.resolve().as_uri()}#{section}")
    with Image.open(io.BytesIO(shown.screenshot())) as image:
        image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
    shown.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path, help="report.html of a study")
    parser.add_argument("folder", type=Path, help="where light.png, dark.png, narrow.png, curves.png go")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, size, scheme, section in (
            ("light", WIDE, "light", ""),
            ("dark", WIDE, "dark", ""),
            ("narrow", NARROW, "light", ""),
            ("curves", WIDE, "light", "curves"),
        ):
            take(browser, arguments.page, arguments.folder / f"{name}.png", size, scheme, section)


if __name__ == "__main__":
    main()
