"""Commands that reckon with columns of numbers need a library that Airflow's own installation may lack."""

from importlib.util import find_spec

from shoal.contract.errors import ConfigError


def need_numpy(command: str) -> None:
    """Check that numpy is there.

    Raises:
        ConfigError: It is not.
    """
    if find_spec("numpy") is None:
        raise ConfigError(f"{command} needs numpy - install the worker extra: pip install 'shoal[worker]'")
