"""The real browser that tests of pages drive, and where it is found: `python -m tests.e2e.browser` prints its path, or what to do."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

VARIABLE = "SWERVE_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLACES = (
    #: Where `scripts/setup dev` unpacks npm's, if nothing else is there.
    Path(__file__).parents[2] / ".venv/chromium/start",
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
)
PATIENCE_MS = 30_000
MISSING = f"""swerve: no Chromium for the tests of pages
  Debian: apt-get install chromium fonts-liberation
  elsewhere: Chromium or Google Chrome by the system's packages
  or name one: {VARIABLE}=/path/to/chromium"""


def find_chromium() -> str | None:
    """Give the path of a Chromium: the one that is named, the machine's, or the one that was unpacked for it."""
    named = os.environ.get(VARIABLE)
    if named:
        return shutil.which(named)
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return found or next((str(place) for place in PLACES if os.access(place, os.X_OK)), None)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start one, without a window; while it is open no other event loop can run in this thread."""
    from playwright.sync_api import expect, sync_playwright

    # A test that fails waits; one that passes on a busy machine is no failure.
    expect.set_options(timeout=PATIENCE_MS)
    path = find_chromium()
    assert path is not None, MISSING
    # Its sandbox cannot be made by root, whom CI is; pages of a test are ours.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


if __name__ == "__main__":
    path = find_chromium()
    print(path or MISSING, file=sys.stdout if path else sys.stderr)
    sys.exit(path is None)
