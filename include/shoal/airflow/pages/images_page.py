"""The page of images: a grid, by taxon, camera, time, score and fate."""

import re
from collections.abc import Mapping

from fastapi.responses import HTMLResponse

from shoal.airflow.pages.asked_images import ANY, address
from shoal.airflow.pages.frame import Crumb, crumbs, page, to_dataset, to_run
from shoal.airflow.pages.looking import OpenRun
from shoal.airflow.pages.shots import shot_of
from shoal.answers.browsed import A_PAGE, Asked, ImagesPage
from shoal.contract.errors import shown
from shoal.contract.run_names import dataset_of
from shoal.contract.units import counted

FIELDS = ("taxon", "camera", "from", "to", "conf", "use", "order", "seed", "page")
USES = (
    ("used", "used"),
    ("failed", "failed"),
    ("unusable", "unusable"),
    ("duplicate", "duplicates"),
    ("undated", "no date"),
    (ANY, "any"),
)
ORDERS = (
    ("most", "most boxes"),
    ("doubt", "least sure"),
    ("sure", "most sure"),
    ("newest", "newest"),
    ("time", "oldest"),
    ("random", "random"),
)


def way_to(run: OpenRun, *steps: Crumb) -> tuple[Crumb, ...]:
    """The way to a page of a run."""
    name = dataset_of(run.dag_id) or run.summary.dataset
    return crumbs(
        Crumb(name, to_dataset(name)),
        Crumb(f"run {run.run_key}", to_run("run", run.dag_id, run.variant, run.run_key)),
        *steps,
    )


def place_of(run: OpenRun) -> dict[str, str]:
    """What the addresses of a run's pages are made of."""
    return {"dag_id": run.dag_id, "variant": run.variant, "run_key": run.run_key}


def images_page(  # noqa: PLR0917 - what is asked, and what was found
    run: OpenRun,
    asked: Asked,
    said: Mapping[str, str],
    found: ImagesPage,
    taxa: tuple[str, ...],
    cameras: tuple[str, ...],
) -> HTMLResponse:
    """Fill in the page.

    Args:
        run: The run.
        asked: What is asked for.
        said: As the address says it.
        found: Some of it.
        taxa: Names to choose from.
        cameras: Likewise.
    """
    place, of_pages = place_of(run), max(1, -(-found.of // A_PAGE))
    own = to_run("images", **place)
    turn = {name: value for name, value in said.items() if name in FIELDS and value}
    if asked.order == "random":
        turn["seed"] = str(asked.seed)
    return page(
        "images.html",
        "Images",
        way_to(run, Crumb("images")),
        said={name: said.get(name, "") for name in FIELDS},
        kinds={name: "date" if _is_day(said.get(name, "")) else "text" for name in ("from", "to")},
        taxa=[("", "any"), *((name, shown(name, 80)) for name in taxa)],
        cameras=[("", "any"), *((name, shown(name, 80)) for name in cameras if name)],
        uses=USES,
        use=asked.use or ANY,
        orders=ORDERS,
        order=asked.order,
        seed=asked.seed,
        counted_from="as counted",
        line=_line(run, asked, found, of_pages),
        hidden=found.hidden,
        shown=[shot_of(place, image, said) for image in found.images],
        page=asked.page,
        of_pages=of_pages,
        before=address(own, turn, page=asked.page - 1) if asked.page > 1 else "",
        after=address(own, turn, page=asked.page + 1) if asked.page < of_pages else "",
        everything=address(own, {"use": ANY, "order": "newest"}),
    )


def _is_day(text: str) -> bool:
    """Tell whether a field for days can show what is asked for: it may be a moment."""
    return not text or re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) is not None


def _line(run: OpenRun, asked: Asked, found: ImagesPage, of_pages: int) -> str:
    """Say in a line what is shown."""
    with_taxon = f" with {asked.taxon}" if asked.taxon else ""
    conf = (
        f"boxes from {asked.conf:g} on"
        if asked.conf is not None
        else f"boxes as the run counted them (from {run.summary.result['conf']:g})"
    )
    seed = f", seed {asked.seed}" if asked.order == "random" else ""
    pages = f" · page {asked.page:,} of {of_pages:,}" if of_pages > 1 else ""
    return f"{counted(found.of, 'image')}{with_taxon} · {conf} · {dict(ORDERS)[asked.order]} first{seed}{pages}"
