"""What a failed request to Kubernetes means, in one line with its way out."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import urllib3
from kubernetes.client import ApiException
from kubernetes.config import ConfigException

from shoal.capacity.setting_names import OF_DATASET, SettingNames
from shoal.contract.errors import ClusterError, ConfigError, QuotaExceededError, ShoalError, one_line
from shoal.stores.unresolved import LOOK_AT_DNS, is_unresolved

REQUEST_ERRORS = (ApiException, urllib3.exceptions.HTTPError, ConfigException, OSError)
"""What a request to a cluster can raise."""

_GIVE_WHAT_IS_ASKED = "give {names.pod} what this cluster's admission policy asks for"

_REFUSALS: tuple[tuple[str, type[ShoalError], str], ...] = (
    ("exceeded quota", QuotaExceededError, "lower {names.share}, or raise the quota"),
    ("violates PodSecurity", ConfigError, "{pod_security}"),
    ("denied request", ConfigError, _GIVE_WHAT_IS_ASKED),
    ("denied the request", ConfigError, _GIVE_WHAT_IS_ASKED),
    ("namespaces ", ConfigError, "create the namespace (deploy/namespace.yaml) or correct {names.namespace}"),
    (
        "Unauthorized",
        ClusterError,
        "renew the login (the Airflow connection's, or the kubeconfig's); the next attempt reads it anew",
    ),
)
"""What the API server says, and the way out, with the names of whoever asks."""

NOT_FOUND, CONFLICT = 404, 409

_NOT_MENDED_BY_RETRY = {400, 403, 404, 422}
_USED_NOW = re.compile(r", used: .*?(?=, limited: )")
"""What a quota's refusal says that is another with every pod of others that comes or goes."""

_FORBIDDEN = re.compile(r'cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)"')


@contextmanager
def explained(action: str, names: SettingNames = OF_DATASET) -> Iterator[None]:
    """Turn what a request to the cluster raises into the error to show.

    Args:
        action: What is done, such as `list nodes`.
        names: What whoever asks calls their settings.
    """
    try:
        yield
    except REQUEST_ERRORS as err:
        raise explain_api_error(err, action, names) from err


def explain_api_error(err: BaseException, action: str, names: SettingNames = OF_DATASET) -> ShoalError:
    """Turn a failed request into the error to show: a ConfigError where a retry cannot help, else a ClusterError.

    Args:
        err: What the client raised.
        action: What was to be done, such as `list nodes`.
        names: What whoever asks calls their settings.
    """
    if isinstance(err, ConfigException):
        return ConfigError(
            f"No cluster to {action}: {one_line(err, 500)} - set KUBECONFIG, or kube_config_path in the Airflow connection"
        )
    if not isinstance(err, ApiException):
        way_out = f"{LOOK_AT_DNS}, and the server's name" if is_unresolved(err) else "check that it runs"
        return ClusterError(f"The API server does not answer, cannot {action} ({one_line(err, 500)}) - {way_out}")
    message = _message(err)
    if forbidden := _FORBIDDEN.search(message):
        return ConfigError(
            f"Not allowed to {action}: the service account may not {forbidden['verb']} {forbidden['resource']} - apply "
            f"deploy/rbac.yaml ({message})"
        )
    for said, kind, way_out in _REFUSALS:
        if said in message:
            # Each try names another pod, and the same quota says the same.
            shown = message[message.index(said) :] if kind is QuotaExceededError else message
            return kind(
                f"Cannot {action}: {shown} - {way_out.format(names=names, pod_security=_past_pod_security(message, names))}"
            )
    kind = ConfigError if err.status in _NOT_MENDED_BY_RETRY else ClusterError
    return kind(f"Cannot {action}: the API server says {err.status} {err.reason}: {message}")


def _past_pod_security(message: str, names: SettingNames) -> str:
    """Say what lets a pod in, by what the policy itself says that it forbids."""
    if "securityContext.privileged=true" in message:
        return names.privileged
    return names.nfs if 'volume type "nfs"' in message else names.pod_security


def is_told(said: str, before: str) -> bool:
    """Whether a quota that is full was told of already: what it leaves changes at each look, which quota it is does not."""
    return _USED_NOW.sub("", said) == _USED_NOW.sub("", before)


def _message(err: ApiException) -> str:
    try:
        body: Any = json.loads(err.body or "")
    except ValueError:
        return one_line(err.body or err.reason, 500)
    return one_line(body.get("message", "") if isinstance(body, dict) else body, 500)
