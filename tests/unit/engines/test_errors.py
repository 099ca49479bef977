"""What a full quota says is told once, however often pods of others come and go meanwhile."""

import json

import pytest
from kubernetes.client import ApiException

from shoal.contract.errors import QuotaExceededError
from shoal.engines.kubernetes.errors import explain_api_error, is_told


def refused(quota="tight", requested="requests.cpu=200m", used="requests.cpu=200m"):
    """What the API server says to a pod that a quota has no room for; each try names another pod."""
    said = (
        f'pods "shoal-1-0007-x" is forbidden: exceeded quota: {quota}, requested: {requested}, used: {used}, '
        "limited: requests.cpu=300m"
    )
    error = ApiException(status=403, reason="Forbidden")
    error.body = json.dumps({"message": said})
    found = explain_api_error(error, "start a pod in namespace shoal")
    assert isinstance(found, QuotaExceededError)
    return str(found)


ADMISSION = {
    "a privileged sidecar": (
        'privileged (container "bucket" must not set securityContext.privileged=true)',
        "a bucket sidecar needs the namespace label",
    ),
    "a folder by NFS": (
        'restricted volume types (volume "images" uses restricted volume type "nfs")',
        "name a PersistentVolumeClaim (source.volume.claim) in place of nfs, or a namespace with the label",
    ),
    "something else": (
        'unrestricted capabilities (container "more" must set securityContext.capabilities.drop=["ALL"])',
        "the words in brackets say what is not allowed",
    ),
}


@pytest.mark.parametrize(("forbidden", "way_out"), ADMISSION.values(), ids=ADMISSION)
def test_pod_security_is_answered_by_what_it_forbids(forbidden, way_out):
    error = ApiException(status=403, reason="Forbidden")
    error.body = json.dumps(
        {"message": f'pods "p" is forbidden: violates PodSecurity "restricted:latest": {forbidden}'}
    )
    found = str(explain_api_error(error, "start a pod in namespace shoal"))
    assert f"{forbidden} - {way_out}" in found
    assert ("sidecar" in found) == ("sidecar" in way_out)


TOLD = {
    "the same words": (refused(), True),
    "somebody else's pod came": (refused(used="requests.cpu=250m"), True),
    "several resources of it": (refused(used="requests.cpu=250m,requests.memory=1Gi"), True),
    "another quota": (refused(quota="other"), False),
    "another request": (refused(requested="requests.cpu=100m"), False),
    "nothing was said before": ("", False),
}


@pytest.mark.parametrize(("before", "told"), TOLD.values(), ids=TOLD)
def test_a_full_quota_is_told_once(before, told):
    assert is_told(refused(), before) is told
