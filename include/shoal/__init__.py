"""Shoal: what does this model see in every image of this bucket?"""

import time
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from shoal.answers.opened import OpenedDataset

LOADED_AT = time.time()
"""When the first of its modules was loaded, seconds since 1970: a server of tasks may have loaded some days before others."""


def open(  # noqa: A001 - shoal.open, as people say it
    place: str | Path,
    run: str = "current",
    images: str | Path | None = None,
    *,
    endpoint_url: str | None = None,
    access_key: str | None = None,
    secret_key: str | None = None,
    anonymous: bool = False,
) -> "OpenedDataset":
    """Open a dataset's stored answers: tables as DuckDB relations, single images with their boxes.

    A bucket or a folder needs no Airflow: how the store is reached is said here, else by the variables that AWS's own tools
    read: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`,
    `AWS_REGION`, and `SSL_CERT_FILE` for a private certificate authority. A dataset's bare name is looked up as commands do it,
    by the dataset files there are and Airflow's connections.

    Args:
        place: `s3://<bucket>/<prefix><dataset>`, a folder with a copy of that (`./reef`), or a dataset's name (`reef`).
        run: Its run_key or the beginning of it; the dataset's answer where nothing is said.
        images: Where the images are, `s3://<bucket>` or a folder with a copy of the bucket; else the bucket that the run looked
            at, in the same store, or its folder, if that is here.
        endpoint_url: `https://host[:port]` of the store; Amazon's own where nobody says.
        access_key: Access key id.
        secret_key: Secret key.
        anonymous: Ask without a login.

    Raises:
        ConfigError: Nothing of Shoal's lies there, the run has no answer, or the store cannot be reached.
    """
    text = str(place)
    if isinstance(place, str) and "/" not in text and text not in {".", ".."}:
        said = (endpoint_url, access_key, secret_key) != (None, None, None) or anonymous
        opened = resolve_name("shoal.cli._opened:open_by_name")(text, run, images, said=said)
    else:
        # Looked up when it is needed: rooms import this module, and it none of them.
        opened = resolve_name("shoal.answers.open:open_place")(
            place, run, images,
            endpoint_url=endpoint_url, access_key=access_key, secret_key=secret_key, anonymous=anonymous,
        )  # fmt: skip
    return cast("OpenedDataset", opened)
