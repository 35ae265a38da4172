"""Make the pictures of the README from a served page: `python docs/make_screenshots.py [URL] [FOLDER]`.

Start the assistant first (python -m assistant serve). Needs Chromium and playwright.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WAIT_MS = 120_000


@dataclass(frozen=True)
class Shot:
    """One picture: which example card runs (None: the empty page), how wide, and in which colours."""

    name: str
    example: int | None
    width: int = 1360
    height: int = 860
    scheme: str = "light"
    compare: bool = False


SHOTS = (
    Shot("chat", 0),
    Shot("welcome", None),
    Shot("extraction", 1),
    Shot("review-dark", 2, scheme="dark"),
    Shot("comparison", 0, height=1080, compare=True),
    Shot("phone", 0, width=360, height=740),
)


def take(browser: Any, url: str, folder: Path, shot: Shot) -> Path:
    """Drive the page as a new visitor and keep what it looks like."""
    context = browser.new_context(
        viewport={"width": shot.width, "height": shot.height}, color_scheme=shot.scheme, locale="pt-BR"
    )
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(url)
    page.wait_for_selector(".example")
    if shot.example is not None:
        page.click(f".example >> nth={shot.example}")
        page.wait_for_selector("#live .actions [data-event=edit]")
    if shot.compare:
        page.click("#live [data-event=option_select]")
        page.wait_for_selector("[data-column=column_both] .outcome")
    page.mouse.move(shot.width - 4, shot.height - 4)
    page.wait_for_function("document.fonts.status === 'loaded'")
    target = folder / f"{shot.name}.png"
    page.screenshot(path=target, animations="disabled")
    context.close()
    return target


def main(url: str = "http://127.0.0.1:7860/", folder: str = "docs/images") -> None:
    """Take every picture."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("No chromium is installed: apt-get install chromium")
    Path(folder).mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for shot in SHOTS:
            print(take(browser, url, Path(folder), shot))
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:3])
