"""An Airflow connection to a Kubernetes cluster."""

from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook
from kubernetes.client import ApiClient
from kubernetes.config import ConfigException

from shoal.api_errors import explain_api_error


def connect(conn_id: str) -> ApiClient:
    """Open a client by the provider's rules: connection, else the pod's own service account, else the default kubeconfig.

    Raises:
        ConfigError: None of them is there.
    """
    try:
        client: ApiClient = KubernetesHook(conn_id=conn_id).api_client
    except ConfigException as err:
        raise explain_api_error(err, f"reach through Airflow connection {conn_id!r}") from err
    return client
