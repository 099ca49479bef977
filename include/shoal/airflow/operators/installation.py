"""Which Airflow this is: what tells its objects in a cluster from those of another one in the same namespace."""

import time

from airflow.sdk import Variable

from shoal.contract.minted_names import mint_attempt

VARIABLE = "shoal_installation"
"""Airflow variable: the same for every component and after every upgrade, and another one in every other Airflow."""

SETTLES_S = 3.0
"""Two first plans at the same moment both take the id that was written last."""

_DESCRIPTION = (
    "Tells what this Airflow owns in Kubernetes from what another one owns; made by Shoal's first run. Delete it in a copy of "
    "this Airflow's database, and nowhere else."
)


def find_installation() -> str:
    """Read the id of this Airflow; the first run makes it."""
    if found := Variable.get(VARIABLE, default=None):
        return str(found)
    Variable.set(VARIABLE, mint_attempt(), description=_DESCRIPTION)
    time.sleep(SETTLES_S)
    return str(Variable.get(VARIABLE))
