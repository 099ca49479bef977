"""An Airflow connection to a Kubernetes cluster."""

from pathlib import Path

from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException
from kubernetes.client import ApiClient
from kubernetes.config import ConfigException

from shoal.contract.errors import ConfigError
from shoal.engines.kubernetes.errors import explain_api_error
from shoal.engines.kubernetes.patience import patient


def is_defined(conn_id: str) -> bool:
    """Whether Airflow has such a connection; without one `kubernetes_default` means the default kubeconfig."""
    try:
        BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return False
    return True


def connect(conn_id: str) -> ApiClient:
    """Open a client by the provider's rules: connection, else the pod's own service account, else the default kubeconfig.

    Raises:
        ConfigError: None of them is there, or the connection is not defined.
    """
    hook = KubernetesHook(conn_id=conn_id)
    try:
        client: ApiClient = hook.api_client
    except AirflowException as err:
        reason = str(err).split("\n", 1)[0]
        raise ConfigError(
            f"Airflow connection {conn_id!r} cannot be used ({reason}) - add or correct it under Admin > Connections, or "
            f"set AIRFLOW_CONN_{conn_id.upper()}"
        ) from err
    except ConfigException as err:
        path = hook.conn_extras.get("kube_config_path")
        if path and not Path(path).is_file():
            raise ConfigError(
                f"Kubeconfig {path} of Airflow connection {conn_id!r} is not there - correct its kube_config_path"
            ) from err
        raise explain_api_error(err, f"reach through Airflow connection {conn_id!r}") from err
    return patient(client)


def namespace_of(conn_id: str) -> str:
    """Name the namespace that a connection says, as the provider does; `default` where it says none.

    Raises:
        ConfigError: The connection is not defined.
    """
    try:
        return KubernetesHook(conn_id=conn_id).get_namespace() or "default"
    except (AirflowException, AirflowNotFoundException) as err:
        raise ConfigError(
            f"Airflow connection {conn_id!r} cannot be used - add or correct it under Admin > Connections"
        ) from err
