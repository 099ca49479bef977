"""With what kind of login a run reads and writes, and whether it outlives the run; never anything secret."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from shoal.settings.dataset import Dataset
from shoal.stores.access import Access


def kinds_of_login(accesses: Mapping[str, Access]) -> dict[str, str]:
    """Name the kind of each role's login: `login`, `session token until …`, `anonymous`, `role`, `web identity`, ….

    Args:
        accesses: By role: source, models, results.
    """
    return {role: access.login for role, access in accesses.items()}


def doubts_about_logins(dataset: Dataset, accesses: Mapping[str, Access], now: datetime) -> tuple[str, ...]:
    """Say which logins may end before the run does, and which the pods may lack.

    Args:
        dataset: Has the budget and the pods' template.
        accesses: By role.
        now: Time of the plan.
    """
    until = now + dataset.run.budget
    lines = []
    for ends_at in sorted({access.ends_at for access in accesses.values() if access.ends_at}):
        end = datetime.fromisoformat(ends_at).astimezone(UTC)
        if end < until:
            roles = _named(role for role, access in accesses.items() if access.ends_at == ends_at)
            lines.append(
                f"the session token of {roles} ends at {_minute(end)}, the run may take until {_minute(until)}: from its end on "
                "nothing is read or written, rows up to then are kept - give a newer one, or role_arn or web identity, which "
                "are renewed"
            )
    by_pods = [role for role, access in accesses.items() if access.login == "web identity"]
    pod_spec = dataset.cluster.pod.template.get("spec") or {}
    if by_pods and dataset.cluster.has_pods and "serviceAccountName" not in pod_spec:
        lines.append(
            f"pods log in to {_named(by_pods)} by web identity, as the service account `default` - name the one that has the "
            "role in cluster.pod.template.spec.serviceAccountName, which SHOAL_POD_TEMPLATE_MAY allows where Airflow runs"
        )
    return tuple(lines)


def _named(roles: Iterable[str]) -> str:
    return " and ".join(roles)


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
