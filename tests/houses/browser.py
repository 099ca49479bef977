"""A browser without a window, as a person's: Debian's Chromium, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from airflow_rest import AirflowRest

if TYPE_CHECKING:
    from playwright.sync_api import Page

PATIENCE_MS = 90_000
"""The first page of Airflow's is megabytes of script, on a machine that is busy with other tests."""


@contextmanager
def browser_page(airflow: AirflowRest) -> Iterator["Page"]:
    """Open a page that is logged in to an Airflow; skip where no Chromium is installed."""
    program = shutil.which("chromium")
    if program is None:
        message = "what the form does in a browser is not tested: apt-get install chromium"
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # As root Chromium has no sandbox; it only ever opens the tests' own server.
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        try:
            context = browser.new_context(locale="en-US", viewport={"width": 1400, "height": 1800})
            token = airflow.headers["Authorization"].removeprefix("Bearer ")
            context.add_cookies([{"name": "_token", "value": token, "url": airflow.url}])
            page = context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            yield page
        finally:
            browser.close()
