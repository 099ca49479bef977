"""The frame of every page: templates, addresses, headers, and errors as pages with a way back."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from shoal.airflow.pages.links import below, run_path
from shoal.contract.errors import shown, shown_lines
from shoal.contract.page_addresses import URL_PREFIX, image_of_run, images_of_run
from shoal.contract.run_names import reanalyse_dag_id
from shoal.contract.units import read_time, tell_seconds

POLICY = "Content-Security-Policy"
# Our own pages: everything in them is escaped, and nothing runs or is shown but what this release brings.
OWN_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
HEADERS_OF_PAGE = {POLICY: OWN_POLICY}

NOTHING = "–"  # noqa: RUF001 - a dash, as tables have it
"""Stands where there is nothing to tell."""

_HERE = Path(__file__).parent
STATIC = {"shoal.css": "text/css; charset=utf-8", "shoal.js": "text/javascript; charset=utf-8"}
"""The files that pages ask for, all of this release."""


@dataclass(frozen=True)
class Crumb:
    """A step of the way to a page; the last one, where one is, leads nowhere."""

    text: str
    href: str = ""


@cache
def read_static(name: str) -> bytes:
    """Read a file that pages ask for."""
    return (_HERE / "static" / name).read_bytes()


def to_all() -> str:
    """Address of all datasets."""
    return f"{below()}{URL_PREFIX}/"


def to_dataset(dataset: str) -> str:
    """Address of a dataset."""
    return f"{below()}{URL_PREFIX}/dataset/{quote(reanalyse_dag_id(dataset))}"


def to_run(page: str, dag_id: str, variant: str, run_key: str) -> str:
    """Address of a page of a run."""
    return run_path(page, dag_id, {"variant": variant, "run_key": run_key})


def to_images(
    dag_id: str,
    variant: str,
    run_key: str,
    *,
    taxon: str = "",
    camera: str = "",
    start: str = "",
    end: str = "",
    conf: str = "",
) -> str:
    """Address of images of a run, with what chooses among them."""
    chosen = {"taxon": taxon, "camera": camera, "from": start, "to": end, "conf": conf}
    return f"{below()}{images_of_run(dag_id, variant, run_key, chosen)}"


def to_image(dag_id: str, variant: str, run_key: str, key: str, object_version: str) -> str:
    """Address of one image of a run."""
    return f"{below()}{image_of_run(dag_id, variant, run_key, key, object_version)}"


def to_compare(dag_id: str, first: str = "", second: str = "") -> str:
    """Address of the page that compares two runs, chosen or still to choose."""
    query = urlencode({name: value for name, value in (("first", first), ("second", second)) if value})
    return f"{below()}{URL_PREFIX}/compare/{quote(dag_id)}" + (f"?{query}" if query else "")


def to_airflow(dag_id: str, run_id: str = "") -> str:
    """Address of a DAG, or of a run of it, among Airflow's own pages."""
    return f"{below()}/dags/{quote(dag_id, safe='')}" + (f"/runs/{quote(run_id, safe='')}" if run_id else "")


def crumbs(*steps: Crumb) -> tuple[Crumb, ...]:
    """The way to a page, from all datasets."""
    return (Crumb("Shoal", to_all()), *steps)


def page(template: str, title: str, way: tuple[Crumb, ...], status: int = 200, **values: Any) -> HTMLResponse:
    """Fill in a page; what is hidden in any text of it is shown."""
    text = render(template, title=title, way=way, **values)
    return HTMLResponse(text, status_code=status, headers=HEADERS_OF_PAGE)


def render(template: str, **values: Any) -> str:
    """Fill in a template."""
    return shown_lines(_environment().get_template(template).render(values))


def error_page(status: int, message: str, back: tuple[Crumb, ...] | None = None) -> HTMLResponse:
    """Say in one line what is wrong, with a way back."""
    title = {401: "Please log in", 403: "Not for you", 404: "Not found", 502: "No answer"}.get(status) or (
        HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Error"
    )
    return page("error.html", title, back or crumbs(), status, message=message, status_code=status, home=f"{below()}/")


def attached(name: str) -> str:
    """Write a Content-Disposition: RFC 6266, and RFC 8187 (once 5987) for a name that no quoted text holds."""
    plain = quote(name, safe="")
    return f'attachment; filename="{name}"' if plain == name else f"attachment; filename*=UTF-8''{plain}"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "to_all": to_all, "to_dataset": to_dataset, "to_run": to_run, "to_airflow": to_airflow, "static": _static_address,
        "to_compare": to_compare,
    }  # fmt: skip
    made.filters |= {
        "number": _number,
        "seconds": tell_seconds,
        "ago": _ago,
        "moment": _moment,
        "short": _short,
        "code": _code,
    }
    return made


def _static_address(name: str) -> str:
    # The name changes with the content: what a browser keeps is never of another release.
    return f"{below()}{URL_PREFIX}/static/{name}?{hashlib.sha256(read_static(name)).hexdigest()[:12]}"


def _number(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3g}"


def _moment(text: str | datetime | None) -> Markup:
    """Write a stored time so that people and programs read it."""
    if not text:
        return Markup("") + NOTHING
    moment = text if isinstance(text, datetime) else read_time(text)
    utc = moment.astimezone(UTC)
    return Markup('<time datetime="{}">{} UTC</time>').format(f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M}")


def _ago(text: str | datetime | None, now: datetime) -> str:
    if not text:
        return NOTHING
    moment = text if isinstance(text, datetime) else read_time(text)
    return f"{tell_seconds((now - moment).total_seconds())} ago"


def _short(text: str, most: int = 120) -> str:
    return shown(text, most)


def _code(command: str) -> Markup:
    """Write a command that can be copied; the script makes the button."""
    return Markup('<code class="command" data-copy>{}</code>').format(command)
