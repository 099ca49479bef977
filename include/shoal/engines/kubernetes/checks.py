"""The steps of a check that need the cluster: rights, the pod as the API server sees it, room."""

from collections.abc import Callable, Iterator

from kubernetes.client import ApiClient, AuthorizationV1Api, VersionApi

from shoal.contract.errors import ConfigError
from shoal.contract.run_names import CHECK_DAG_ID
from shoal.contract.units import counted
from shoal.engines.engine import DagRunId, Engine, Step
from shoal.engines.kubernetes.errors import explained
from shoal.engines.kubernetes.rights import FOR_CAPACITY, NEEDED, Right

CHECK = DagRunId("", CHECK_DAG_ID, "check")


def cluster_steps(engine: Engine, connect: Callable[[], ApiClient], namespace: str) -> Iterator[Step]:
    """Name the steps in the cluster; nothing stays there.

    Args:
        engine: The cluster as an engine.
        connect: Opens it; fails within the step.
        namespace: Where the pods go.
    """
    yield "cluster", lambda: check_version(connect())
    yield "rights", lambda: check_rights(connect(), namespace)
    yield "room", lambda: check_room(engine)


def check_version(api_client: ApiClient) -> str:
    """Ask the API server for its version.

    Raises:
        ConfigError: The login is not known.
        ClusterError: It does not answer.
    """
    with explained("ask for the cluster's version"):
        version = VersionApi(api_client).get_code()
    return f"Kubernetes {version.git_version} at {api_client.configuration.host}"


def check_rights(api_client: ApiClient, namespace: str) -> str:
    """Ask for each right, one by one.

    Raises:
        ConfigError: One that is needed is missing.
    """
    with explained("ask for my rights"):
        missing = [right for right in NEEDED if not _may(api_client, right, namespace)]
        uncounted = [right for right in FOR_CAPACITY if not _may(api_client, right, "")]
    if missing:
        raise ConfigError(
            f"The service account may not {', '.join(map(str, missing))} in namespace {namespace} - apply deploy/rbac.yaml"
        )
    if uncounted:
        return f"{len(NEEDED)} rights in namespace {namespace}; without {', '.join(map(str, uncounted))} quotas alone are counted"
    return f"all {len(NEEDED) + len(FOR_CAPACITY)} rights of deploy/rbac.yaml, in namespace {namespace}"


def check_room(engine: Engine) -> str:
    """Count what fits now; the pod is shown to the API server without being created.

    Raises:
        ConfigError: Namespace or pod are wrong, or it would never fit.
        InsufficientCapacityError: Nothing fits now.
    """
    capacity = engine.room(engine.sample_pod(), lambda: CHECK, lambda *_: None).find(promise=False)
    return f"{counted(capacity.pods, 'pod')} may start now: {capacity.reason}"


def _may(api_client: ApiClient, right: Right, namespace: str) -> bool:
    resource, _, subresource = right.resource.partition("/")
    attributes = {"verb": right.verb, "resource": resource, "subresource": subresource, "namespace": namespace}
    review = AuthorizationV1Api(api_client).create_self_subject_access_review(
        {"spec": {"resourceAttributes": attributes}}
    )
    return bool(review.status.allowed)
