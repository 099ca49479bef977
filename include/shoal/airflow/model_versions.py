"""Which model versions the form proposes: those that each dataset's last plan saw, in one variable of Airflow's.

The form is made when the DAG file is parsed, where no store is asked. One variable for all datasets is one question a parse; two
plans that end at once may cost one of them its line until its next one.
"""

import json
import logging
from collections.abc import Mapping, Sequence

from airflow.sdk import Variable

from shoal.airflow.supervised import can_ask_airflow
from shoal.contract.errors import one_line

log = logging.getLogger(__name__)

VARIABLE = "shoal_model_versions"
MOST = 20
"""Versions of a dataset that are proposed, the highest first."""

_DESCRIPTION = "Model versions that the last plan of each Shoal dataset saw: proposed in the form that starts a run."


def remember_versions(dataset: str, versions: Sequence[str]) -> None:
    """Keep the versions of a dataset's model for the form; what stands in the way is no trouble of the run.

    Args:
        dataset: Its name.
        versions: Those that its plan saw, the highest first; none of a service, which has one.
    """
    try:
        found, known = list(versions[:MOST]), _read()
        if known.get(dataset, []) != found:
            text = json.dumps({**known, dataset: found}, sort_keys=True, separators=(",", ":"))
            Variable.set(VARIABLE, text, description=_DESCRIPTION)
    except Exception as err:  # noqa: BLE001 - Airflow's own errors differ from release to release
        log.warning("Model versions for the form are not written down: %s", one_line(err))


def known_versions() -> Mapping[str, Sequence[str]]:
    """Read the versions by dataset; none where this process cannot ask Airflow."""
    if not can_ask_airflow():
        return {}
    try:
        return _read()
    except Exception as err:  # noqa: BLE001
        log.debug("Variable %s is not read: %s", VARIABLE, one_line(err))
        return {}


def _read() -> dict[str, list[str]]:
    try:
        found = json.loads(Variable.get(VARIABLE, default="{}"))
        return {str(name): [str(version) for version in versions] for name, versions in found.items()}
    except (ValueError, AttributeError, TypeError):
        return {}  # a person wrote there
