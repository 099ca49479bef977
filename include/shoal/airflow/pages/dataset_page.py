"""The page of a dataset: its answer, what is under way, its runs, variants, cameras, what is wrong with these, and months."""

from collections.abc import Iterator

from fastapi.responses import HTMLResponse

from shoal.airflow.pages.dataset_health import Health
from shoal.airflow.pages.frame import NOTHING, Crumb, crumbs, page, to_dataset
from shoal.airflow.pages.kept import Seen
from shoal.airflow.pages.reading import Home, Months, RunsPage
from shoal.history.digest import own_dag_id
from shoal.history.overview import AnswerFacts, Overview


def dataset_page(dag_id: str, home: Seen[Home], runs: Seen[RunsPage], months: Months, health: Health) -> HTMLResponse:
    """Fill in the page.

    Args:
        dag_id: The DAG under which it is shown.
        home: The dataset at a glance.
        runs: Some of its runs.
        months: The months that were looked at.
        health: What is wrong with cameras.
    """
    one, name = home.value.overview, home.value.overview.dataset
    older = runs.value.older
    return page(
        "dataset.html",
        f"Dataset {name}",
        crumbs(Crumb(name)),
        dag_id=dag_id,
        one=one,
        trouble=home.trouble or runs.trouble,
        read_at=home.read_at,
        file_trouble=home.value.trouble,
        answer_facts=list(_answer_facts(one.answer)) if one.answer else [],
        runs=runs.value.digests,
        older=f"{to_dataset(name)}?before={older}" if older else "",
        variants=one.variants,
        cameras=list(_cameras(one)),
        months=months,
        health=health,
        own_dag_id=own_dag_id,
    )


def _answer_facts(answer: AnswerFacts) -> Iterator[tuple[str, str]]:
    yield "Model", answer.model
    if answer.conf is not None:
        yield "Confidence from", f"{answer.conf:g}"
    if answer.listed_at:
        yield "Images listed at", answer.listed_at
    if answer.examined is not None:
        uses = " + ".join(f"{use} {count:,}" for use, count in (answer.uses or {}).items() if count)
        yield "Images examined", f"{answer.examined:,} = {uses}"
    yield "To cite", f"run {answer.run_key}, result sha256 {answer.result_sha256}"


def _cameras(one: Overview) -> Iterator[tuple[str, str, str]]:
    for camera, (images, newest) in (one.answer.cameras or {}).items() if one.answer else ():
        yield camera or "(no name)", f"{images:,}", newest or NOTHING
