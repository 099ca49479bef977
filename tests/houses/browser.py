"""A browser without a window, as a person's: Debian's Chromium, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_rest import AirflowRest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PATIENCE_MS = 90_000
"""The first page of Airflow's is megabytes of script, on a machine that is busy with other tests."""


@contextmanager
def _chromium(untested: str) -> Iterator["Browser"]:
    """Start the browser; skip where it is not installed, which CI must not."""
    program = shutil.which("chromium")
    if program is None:
        assert "CI" not in os.environ, "apt-get install chromium"
        message = f"{untested} is not tested: apt-get install chromium"
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # As root Chromium has no sandbox; it only ever opens the tests' own pages.
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"] if os.geteuid() == 0 else [], timeout=2 * PATIENCE_MS
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def browser_page(airflow: AirflowRest) -> Iterator["Page"]:
    """Open a page that is logged in to an Airflow."""
    with _chromium("what the form does in a browser") as browser:
        context = browser.new_context(locale="en-US", viewport={"width": 1400, "height": 1800})
        token = airflow.headers["Authorization"].removeprefix("Bearer ")
        context.add_cookies([{"name": "_token", "value": token, "url": airflow.url}])
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        yield page


@contextmanager
def page_by_itself(path: Path, width: int) -> Iterator["Page"]:
    """Open a file so many pixels wide; at the end it must have asked nobody for anything, and have no word in the console."""
    said, asked = [], []
    with _chromium(f"that a browser draws {path.name}") as browser:
        page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        yield page
    assert said == []
    assert {url for url in asked if not url.startswith("data:")} == {path.as_uri()}
