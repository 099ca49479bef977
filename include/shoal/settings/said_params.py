"""What a run was asked for, in one line of words: so that nobody has to guess what became of what they typed."""

from collections.abc import Iterator, Mapping
from typing import Any

from shoal.contract.errors import shown
from shoal.contract.units import utc_text
from shoal.settings.run_form import RunParams

MOST = 80
"""Characters of one value that are shown."""


NOTHING_SENT = (
    "the dataset's own settings: no parameter came with this backfill (the form in the web interface sends them only where "
    "Override parameters on existing runs is ticked)"
)


def say_params(params: RunParams, typed: Mapping[str, Any], *, by_month: bool = False) -> str:
    """Say what a run was asked for; empty where that is nothing but the dataset's own settings.

    Args:
        params: What was understood.
        typed: What was sent, as it was sent: said beside a number that is written in another way.
        by_month: Whether it is a run of Airflow's backfill: there a person may have typed what never came.
    """
    unheard = [NOTHING_SENT] if by_month and not any(typed.values()) else []
    return "; ".join([*_say(params, typed), *unheard])


def _say(params: RunParams, typed: Mapping[str, Any]) -> Iterator[str]:  # noqa: C901 - one line a parameter
    if params.model_version is not None:
        yield f"model version {params.model_version}"
    if params.conf is not None:
        conf = f"{params.conf:.15g}"
        yield f"counting from confidence {conf}{_typed(conf, typed.get('conf'))}"
    if params.prefix is not None:
        yield f"only keys that begin with '{shown(params.prefix, MOST)}' after the dataset's prefix"
    if params.limit is not None:
        yield f"only the first {params.limit} images{_typed(str(params.limit), typed.get('limit'))}"
    if params.window.start is not None:
        yield f"only images captured from {utc_text(params.window.start)} on"
    if params.window.end is not None:
        yield f"only images captured before {utc_text(params.window.end)}"
    if params.plan_only:
        yield "plan only"
    if params.retry_failed:
        before = f" in runs before {params.retry_failed_before}" if params.retry_failed_before else ""
        yield f"inferring again what failed for {', '.join(params.retry_failed)}{before}"
    if params.accept_changed is not None:
        yield f"changed images are accepted ({params.accept_changed})"
    if params.count_again:
        yield "counting the images of the dataset's answer again"
    if params.accept_gone:
        yield "gone images are accepted"


def _typed(understood: str, typed: Any) -> str:
    text = str("" if typed is None else typed).strip()
    return f" (asked: {shown(text, MOST)})" if text not in {"", understood} else ""
