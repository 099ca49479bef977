"""The region of a bucket where nobody wrote it down: the store tells it to whoever asks with a wrong one."""

from dataclasses import replace

from minio.credentials.providers import Provider

from shoal.stores.s3_access import TRANSPORT_ERRORS, StoreAccess
from shoal.stores.s3_codes import meaning_of
from shoal.stores.s3_errors import error_code, other_region
from shoal.stores.s3_login import DEFAULT_REGION

_ONE_KEY: dict[str, str | list[str] | tuple[str]] = {"list-type": "2", "max-keys": "1", "delimiter": "/"}
"""Little to look up, also for a server over a folder."""

_EVERY_REGION = "s3.amazonaws.com"
"""Amazon's host without a region: it answers for all, and points elsewhere."""


def locate(access: StoreAccess, bucket: str, keys: Provider | None, *, hurried: bool = False) -> StoreAccess:
    """Complete an access that names no region by one request; one that names it is returned as it is.

    A listing is asked for: the bucket's location needs a right of its own, and servers without regions take any.

    Raises:
        TRANSPORT_ERRORS: The store does not answer, or is in trouble.
    """
    if access.region:
        return access
    assumed = replace(access, region=DEFAULT_REGION)
    try:
        assumed.connect(1, keys, hurried=hurried)._execute("GET", bucket, query_params=_ONE_KEY)  # noqa: SLF001 - as S3Lister._list_page
    except TRANSPORT_ERRORS as err:
        region, meaning = other_region(err, DEFAULT_REGION), meaning_of(error_code(err))
        if region:
            return _moved(assumed, region)
        if meaning is None or meaning.is_trouble:  # guessed in a bad moment, a wrong region would stay
            raise
    return assumed


def _moved(access: StoreAccess, region: str) -> StoreAccess:
    if access.host != _EVERY_REGION:
        return replace(access, region=region)
    return replace(access, region=region, endpoint_url=f"https://s3.{region}.amazonaws.com")
