"""What other versions of a dataset's model saw in an image: of the newest complete run of each variant."""

from dataclasses import dataclass

from shoal.airflow.pages.image_page import SeenByVersion
from shoal.airflow.pages.looking import OpenRun, look_stored
from shoal.airflow.pages.reading import KEPT, runs_of
from shoal.airflow.pages.run_place import label_of
from shoal.airflow.pages.shots import image_address
from shoal.answers.browsed import SeenImage
from shoal.answers.browsed_elsewhere import seen_in
from shoal.contract.errors import ContractError
from shoal.contract.run_names import dataset_of, reanalyse_dag_id
from shoal.results.stored_summary import StoredSummary, find_summary
from shoal.results.summary_files import SummaryFile

VERSIONS_S = 60.0
MOST_VARIANTS, MOST_LOOKED = 6, 3
"""Variants that are told, the newest first; and runs of each among which a complete one is looked for."""


@dataclass(frozen=True)
class OtherRun:
    """The newest complete run of another variant; only its tables of images and boxes are kept."""

    variant: str
    run_key: str
    model: str
    files: tuple[SummaryFile, ...]
    task: str | None


async def seen_by_others(run: OpenRun, image: SeenImage) -> tuple[SeenByVersion, ...]:
    """Tell what other variants saw in an image.

    Raises:
        ShoalError: They cannot be read.
    """
    name = dataset_of(run.dag_id) or run.summary.dataset
    others = (
        await KEPT.get(label_of(name), ("others of", run.dag_id, run.variant), lambda: _others(run), fresh_s=VERSIONS_S)
    ).value
    if not others:
        return ()
    told = await look_stored(
        run,
        ("others", image.key, image.object_version, tuple(other.run_key for other in others)),
        lambda database: tuple(seen_in(database, image, other.files, other.task) for other in others),
    )
    return tuple(
        SeenByVersion(
            other.model,
            other.run_key,
            image_address(
                {"dag_id": reanalyse_dag_id(name), "variant": other.variant, "run_key": other.run_key},
                image.key,
                "",
                {},
            ),
            use,
            said,
        )
        for other, (use, said) in zip(others, told, strict=True)
    )


def _others(run: OpenRun) -> tuple[OtherRun, ...]:
    """Find the newest complete run of each other variant."""
    by_variant: dict[str, list[str]] = {}
    for run_key, variant in sorted(runs_of(run.place).items(), reverse=True):
        if variant != run.variant:
            by_variant.setdefault(variant, []).append(run_key)
    found = []
    for variant, run_keys in list(by_variant.items())[:MOST_VARIANTS]:
        for run_key in run_keys[:MOST_LOOKED]:
            summary = _complete(run, variant, run_key)
            if summary is not None:
                files = tuple(file for file in summary.tables if file.table in {"images", "detections"})
                found.append(OtherRun(variant, run_key, summary.models, files, summary.result.get("task")))
                break
    return tuple(found)


def _complete(run: OpenRun, variant: str, run_key: str) -> StoredSummary | None:
    try:
        summary = find_summary(run.place.results, run.place.layout.variant(variant).run(run_key).summary)
    except ContractError:  # of a later release, or damaged: its own page says it
        return None
    return summary if summary is not None and summary.complete and summary.by_month else None
