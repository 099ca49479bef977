"""What a plan says of the logins that its run goes by."""

from datetime import UTC, datetime

import pytest

from shoal.plan.logins import doubts_about_logins, kinds_of_login
from shoal.settings.dataset import Dataset
from shoal.stores.access import Connection
from shoal.stores.kinds import access_from_connection
from shoal.stores.s3_access import StoreAccess

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
LOGIN = StoreAccess("http://there", "key", "secret")


def dataset(**cluster) -> Dataset:
    place = {"conn_id": "reef", "bucket": "fish"}
    return Dataset.model_validate(
        {
            "name": "reef", "source": place, "models": place, "results": {"conn_id": "reef", "bucket": "answers"},
            "model": {"name": "fish"}, "run": {"budget": "2h"}, "cluster": cluster,
            "worker": {"image": "worker:1"}, "sidecar": {"image": "sidecar:1"},
            "clock": {"pattern": "(?P<time>[0-9]{8}T[0-9]{6})", "format": "%Y%m%dT%H%M%S"},
        }
    )  # fmt: skip


def temporary(ends_at: str) -> StoreAccess:
    extra = {"endpoint_url": "https://there", "aws_session_token": "token", "aws_credential_expiration": ends_at}
    return access_from_connection(Connection("reef", "", None, "key", "secret", extra))


def by_web_identity() -> StoreAccess:
    extra = {
        "endpoint_url": "https://there",
        "role_arn": "arn:aws:iam::1:role/fish",
        "assume_role_method": "assume_role_with_web_identity",
    }
    return access_from_connection(Connection("reef", "", None, "", "", extra))


@pytest.mark.parametrize(
    ("ends_at", "said"),
    [
        pytest.param("2026-06-01T13:00:00Z", "ends at 2026-06-01 13:00 UTC", id="within the run"),
        pytest.param("2026-06-01T14:30:00+02:00", "ends at 2026-06-01 12:30 UTC", id="told in another zone"),
        pytest.param("2026-06-01T14:00:01Z", "", id="after it"),
    ],
)
def test_a_token_that_ends_before_the_run_may_is_said(ends_at, said):
    token = temporary(ends_at)
    told = doubts_about_logins(dataset(), {"source": token, "models": LOGIN, "results": token}, NOON)
    assert bool(told) is bool(said)
    for line in told:
        assert line.startswith("the session token of source and results ")
        assert said in line
        assert "the run may take until 2026-06-01 14:00 UTC" in line
        assert "give a newer one, or role_arn or web identity, which are renewed" in line


def test_pods_without_a_service_account_of_their_own_are_said():
    accesses = {"source": by_web_identity(), "models": LOGIN, "results": LOGIN}
    (line,) = doubts_about_logins(dataset(kind="kubernetes"), accesses, NOON)
    assert "pods log in to source by web identity" in line
    assert "cluster.pod.template.spec.serviceAccountName" in line
    template = {"spec": {"serviceAccountName": "worker"}}
    assert doubts_about_logins(dataset(kind="kubernetes", pod={"template": template}), accesses, NOON) == ()
    assert doubts_about_logins(dataset(), accesses, NOON) == ()


def test_the_kind_of_a_login_is_told_and_nothing_secret():
    kinds = kinds_of_login({"source": temporary("2026-06-01T13:00:00Z"), "models": by_web_identity(), "results": LOGIN})
    assert kinds == {
        "source": "session token until 2026-06-01T13:00:00Z", "models": "web identity", "results": "login",
    }  # fmt: skip
