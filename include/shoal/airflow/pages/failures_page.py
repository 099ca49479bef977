"""The page of failures: by reason, with a picture where one can be made, and the way to infer them again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi.responses import HTMLResponse

from shoal.airflow.pages.asked_images import address
from shoal.airflow.pages.frame import Crumb, page, to_airflow, to_run
from shoal.airflow.pages.images_page import place_of, way_to
from shoal.airflow.pages.looking import OpenRun
from shoal.airflow.pages.shots import GRID_PX, picture_address
from shoal.answers.browsed import A_PAGE, FailuresPage
from shoal.contract.rows import Reason
from shoal.contract.run_names import dataset_of, reanalyse_dag_id
from shoal.contract.units import counted
from shoal.plan.commands import trigger_command
from shoal.settings.run_form import RunParams

_REPLACE = "Put the image into the bucket again: the next run looks at what changed"
_A_NEW_VARIANT = "that makes a new variant, so the next run looks at every image again"
_NEXT = {
    Reason.EMPTY: _REPLACE,
    Reason.NOT_IMAGE: _REPLACE,
    Reason.TRUNCATED: _REPLACE,
    Reason.CORRUPT: _REPLACE,
    Reason.TOO_LARGE: f"Raise model.pixel_limit in the dataset file: {_A_NEW_VARIANT}",
    Reason.TOO_COMPLEX: f"Raise model.scan_limit in the dataset file: {_A_NEW_VARIANT}",
    Reason.UNSUPPORTED: "Store them as JPEG or PNG",
    Reason.KILLED_WORKER: "Infer them again, or put them into source.ignore",
    Reason.REFUSED_BY_SERVICE: "See the service's log, then infer them again",
    "changed": "The next run lists them anew and looks at them",
    "gone": "They were deleted since the listing",
    "denied": "Let the login of the images read them, then run again",
    "unsettled": "The next run looks at them: see the log of the infer tasks",
}
"""What to do, by reason, or by fate where that has none."""

_MAY_END_OTHERWISE = (Reason.TRUNCATED, Reason.CORRUPT, Reason.KILLED_WORKER, Reason.REFUSED_BY_SERVICE)
"""Of these another try may say something else: another release decodes, there is more memory, a service is mended. The others
follow from the bytes, and from limits that are part of the variant."""

_OF_ONE_RUN = {"retry_failed", "retry_failed_before", "plan_only", "count_again", "accept_changed", "accept_gone"}
"""Parameters that another run does not take over."""


@dataclass(frozen=True)
class Group:
    """What failed alike."""

    fate: str
    reason: str
    images: int
    next: str
    href: str
    is_shown: bool


def failures_page(run: OpenRun, said: Mapping[str, str], found: FailuresPage, number: int) -> HTMLResponse:
    """Fill in the page.

    Args:
        run: The run.
        said: What the address says.
        found: Some of them.
        number: Of the page.
    """
    place, of_pages = place_of(run), max(1, -(-found.of // A_PAGE))
    own = to_run("failures", **place)
    asked = {name: said.get(name, "") for name in ("fate", "reason")}
    groups = [
        Group(
            fate,
            reason or "",
            images,
            _NEXT.get(reason if fate == "failed" and reason else fate, ""),
            address(own, {"fate": fate, "reason": reason or ""}),
            asked == {"fate": fate, "reason": reason or ""},
        )
        for fate, reason, images in found.groups
    ]
    failed = {group.reason for group in groups if group.fate == "failed" and asked["reason"] in {"", group.reason}}
    again = asked_again(run.summary.params, [reason for reason in _MAY_END_OTHERWISE if reason in failed])
    dag_id = reanalyse_dag_id(dataset_of(run.dag_id) or run.summary.dataset)
    return page(
        "failures.html",
        "Failures",
        way_to(run, Crumb("failures")),
        groups=groups,
        chosen=any(asked.values()),
        everything=own,
        again=[(RunParams.model_fields[name].title, _typed(value)) for name, value in again.items()],
        trigger=to_airflow(dag_id),
        dag_id=dag_id,
        command=trigger_command(dag_id, again),
        line=f"{counted(found.of, 'image')}" + (f" · page {number:,} of {of_pages:,}" if of_pages > 1 else ""),
        are_hidden=found.are_hidden,
        shown=[
            (
                one,
                ""
                if found.are_hidden or one.fate == "gone"
                else picture_address(place, one.key, one.object_version, GRID_PX),
            )
            for one in found.images
        ],
        page=number,
        of_pages=of_pages,
        before=address(own, asked, page=number - 1) if number > 1 else "",
        after=address(own, asked, page=number + 1) if number < of_pages else "",
        nothing="Nothing failed."
        if run.summary.named.get("failures.csv")
        else "This run has no failures.csv: it is of an earlier release.",
    )


def asked_again(params: RunParams, retry: Sequence[Reason]) -> dict[str, Any]:
    """Say what a run is started with that tries failures of a run again; nothing where there are none to try.

    What that one was to accept of the bucket was meant for that one alone.

    Args:
        params: Of the run that has the failures.
        retry: Their reasons.
    """
    if not retry:
        return {}
    said = params.model_dump(mode="json", exclude_defaults=True, exclude=_OF_ONE_RUN)
    return {"retry_failed": [str(reason) for reason in retry], **said}


def _typed(value: Any) -> str:
    """Write a value as it is typed into the form of a run."""
    return ", ".join(value) if isinstance(value, list) else str(value)
