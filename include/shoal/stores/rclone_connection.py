"""What a person wrote down of a store that rclone reaches: one section of its settings, as JSON or as in its own file."""

import configparser
import re
from collections.abc import Mapping
from typing import Any

from shoal.contract.errors import ConfigError
from shoal.stores.access import Connection
from shoal.stores.rclone_access import RcloneAccess
from shoal.stores.run_keys_wanted import REQUIRED, read_run_keys

_OPTION = re.compile(r"[a-z][a-z0-9_]*")

_HAVE_THEIR_OWN = {"s3": "source.kind: s3 lists and reads it faster", "local": "source.kind: folder reads it"}
"""Types of rclone's that Shoal reads itself."""


def read_connection(connection: Connection) -> RcloneAccess:
    """Read a connection whose extra has `kind: rclone`, and under `rclone` the section.

    Raises:
        ConfigError: The section is missing, or none that can be used; none of its values is shown.
    """
    whose = f"Airflow connection {connection.conn_id!r}"
    section = _read_section(connection.extra.get("rclone"), whose)
    if not section.get("type"):
        raise ConfigError(
            f"{whose} has an rclone section without type - write what kind of store it is, as rclone config does: "
            "type = webdav"
        )
    kind = section["type"].lower()
    if kind in _HAVE_THEIR_OWN:
        raise ConfigError(f"{whose} has an rclone section of type {kind} - {_HAVE_THEIR_OWN[kind]}")
    if odd := sorted(name for name in section if not _OPTION.fullmatch(name)):
        raise ConfigError(
            f"{whose} has an rclone section with {odd[0]!r:.80}, which is no option - write it as rclone does"
        )
    if kind == "sftp":
        section.setdefault("skip_links", "true")  # one that leads upwards shows each image some forty times
    if connection.login:
        section.setdefault("user", connection.login)
    password = "" if "pass" in section else connection.password
    required = read_run_keys(connection) == REQUIRED
    return RcloneAccess(section, password, str(connection.extra.get("ca_file") or ""), run_keys_required=required)


def _read_section(written: Any, whose: str) -> dict[str, str]:
    if isinstance(written, str):
        written = _read_ini(written, whose)
    if not isinstance(written, Mapping) or not written:
        raise ConfigError(
            f'{whose} is of kind rclone and has no section - write one into its extra: "rclone": {{"type": "webdav", "url": …}}'
        )
    nested = sorted(str(name) for name, value in written.items() if isinstance(value, Mapping | list))
    if nested:
        raise ConfigError(
            f"{whose} has an rclone section in which {nested[0]!r:.80} is no text - write the options of one section alone"
        )
    return {str(name).lower(): _text(value) for name, value in written.items() if value is not None}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read_ini(text: str, whose: str) -> dict[str, str]:
    reader = configparser.RawConfigParser(delimiters=("=",), comment_prefixes=("#", ";"), strict=True)
    try:
        reader.read_string(text if text.lstrip().startswith("[") else f"[section]\n{text}")
    except configparser.Error as err:  # no cause: it holds the lines, and with them what is secret
        raise ConfigError(
            f"{whose} has an rclone section that cannot be read ({type(err).__name__}) - copy it as rclone config show writes it"
        ) from None
    if len(reader.sections()) != 1:
        raise ConfigError(
            f"{whose} has {len(reader.sections())} rclone sections - write the one that holds the images; one that needs others "
            "(crypt, union) names them by a connection string"
        )
    return dict(reader.items(reader.sections()[0]))
