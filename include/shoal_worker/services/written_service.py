"""A service as people write it, the `worker.service` of a dataset file, for trying a mapping on single photos."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from shoal.contract.errors import ConfigError, shown
from shoal.contract.service import Service
from shoal.contract.units import parse_duration
from shoal.written.yaml_text import read_yaml

_OF_PODS = frozenset(("cpu", "memory", "gpu", "resources", "env", "pull_policy"))
_DURATIONS = {"timeout": "timeout_s", "start_timeout": "start_timeout_s"}


def read_service(path: Path) -> Service:
    """Read a service from a YAML or JSON file: `worker.service` by itself, or a dataset file that has it.

    Args:
        path: The file. Where its service has an image, the worker asks what listens at its port here already.

    Raises:
        ConfigError: The file cannot be read, or is of no service.
    """
    try:
        with path.open("rb") as file:
            written = read_yaml(file)
    except OSError as err:
        raise ConfigError(f"Service file {path} cannot be read: {err.strerror} - check the path") from err
    if isinstance(written, dict) and isinstance(worker := written.get("worker"), dict):
        written = worker.get("service")
    if not isinstance(written, dict):
        raise ConfigError(f"{path} holds no service - write what stands below worker.service in a dataset file")
    known = {one.name for one in fields(Service)} - {*_DURATIONS.values(), "pod_sha256"}
    if unknown := [name for name in written if name not in known | _OF_PODS | _DURATIONS.keys()]:
        there = ", ".join(sorted(known | _DURATIONS.keys()))
        raise ConfigError(f"{path}: a service has no {shown(str(unknown[0]), 60)!r}, it has {there}")
    try:
        return Service.from_json(_plain(written))
    except KeyError as err:
        raise ConfigError(f"{path}: the service has no {err} - write it") from err
    except (TypeError, ValueError) as err:
        raise ConfigError(f"{path}: {err} - correct it") from err


def _plain(written: Mapping[str, Any]) -> dict[str, Any]:
    """Write it as plans do."""
    said = {name: value for name, value in written.items() if name not in _OF_PODS | _DURATIONS.keys()}
    for name, stored in _DURATIONS.items():
        if name in written:
            said[stored] = parse_duration(str(written[name])).total_seconds()
    return said
