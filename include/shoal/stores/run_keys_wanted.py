"""What a connection says of keys of a run's own, whatever kind of store it is of."""

from shoal.contract.errors import ConfigError, shown
from shoal.stores.access import Connection

WANTED, UNWANTED, REQUIRED = "true", "false", "required"

_WORDS = {
    "true": WANTED,
    "1": WANTED,
    "yes": WANTED,
    "false": UNWANTED,
    "0": UNWANTED,
    "no": UNWANTED,
    "required": REQUIRED,
}


def read_run_keys(connection: Connection) -> str:
    """Read `run_keys` of its extra; where it says nothing they are wanted.

    Raises:
        ConfigError: It is another word, which could have been meant for each of them.
    """
    written = connection.extra.get("run_keys")
    said = WANTED if written is None else str(written).strip().lower()
    if said not in _WORDS:
        raise ConfigError(
            f"Airflow connection {connection.conn_id!r} has run_keys {shown(said, 50)!r} in its extra - write true, false or "
            "required"
        )
    return _WORDS[said]
