"""Who may ask for what: every route asks who somebody is, and for the right to see its DAG."""

from typing import Annotated

from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag, requires_authenticated
from fastapi import Depends, HTTPException, Path, Request

from shoal.contract.minted_names import RUN_KEY

may_edit_dag = [Depends(requires_access_dag(method="PUT"))]
may_see_dag = [Depends(requires_access_dag(method="GET"))]
logged_in = [Depends(requires_authenticated())]
Variant = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
RunKey = Annotated[str, Path(pattern=f"^{RUN_KEY}$")]


def may_edit(request: Request, user: GetUserDep) -> bool:
    """Whether somebody may change what the DAG of an address makes: a page then has the buttons for it."""
    try:
        requires_access_dag(method="PUT")(request, user)
    except HTTPException:
        return False
    return True
