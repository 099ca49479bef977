"""Requests to whoever gives keys that end, and what its refusals mean: the client's providers drop its answers."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import urllib3

from shoal.contract.errors import LoginRefusedError, StoreError
from shoal.stores.s3_codes import meaning_of
from shoal.stores.s3_errors import clocks_apart, code_in
from shoal.stores.s3_meaning import About
from shoal.stores.s3_patience import Patience

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

    from shoal.stores.s3_access import StoreAccess

WEB_IDENTITY = "web"
"""The identity of a pod: a file with a token that the cluster keeps fresh."""

MACHINE = "machine"
"""The identity of a machine or container, as its metadata service tells it."""

NO_KEYS = (
    "this login makes no keys of its own here (on MinIO a user that is enabled does, an access key of one does not)"
)
"""What is wrong where a key is asked that takes no role on: its rights are no trust policy's."""

PATIENT, HURRIED = urllib3.Timeout(connect=5, read=30), urllib3.Timeout(connect=5, read=10)
"""The second is for keys of a run's own: a plan asks for several, and can do without."""

_NO_SUCH_SERVICE = {404, 405, 501}
_LOST_LOGIN = "InvalidAccessKeyId"


class KeyPool(urllib3.PoolManager):
    """Names what a token service refuses.

    Args:
        access: Who asks.
        hurried: Whether an answer that takes long is given up.
    """

    def __init__(self, access: "StoreAccess", *, hurried: bool = False) -> None:
        super().__init__(
            timeout=HURRIED if hurried else PATIENT,
            # A POST as well: asked twice it makes two keys, of which one is used. One that is swallowed is sent once more.
            retries=Patience.of_a_request().new(allowed_methods=None, read=1),
            cert_reqs="CERT_REQUIRED",
            ca_certs=access.authorities,
        )
        self._access = access

    def urlopen(self, method: str, url: str, redirect: bool = True, **options: Any) -> "BaseHTTPResponse":  # type: ignore[override]
        """Send a request.

        Raises:
            LoginRefusedError: It was refused.
            StoreError: It failed otherwise.
        """
        if "?" in url and method == "POST":  # the token goes into the body: addresses are logged here and on the way
            url, _, form = url.partition("?")
            redirect = False  # the connection names who sees the token, no redirect does
            options |= {"body": form, "headers": {"Content-Type": "application/x-www-form-urlencoded"}}
        response = super().urlopen(method, url, redirect=redirect, **options)
        if response.status in {200, 204, 206}:
            return response
        code = code_in(bytes(response.data or b"").decode(errors="replace")) or f"HTTP {response.status}"
        who, wanted = urlsplit(url).netloc, self._access.role_arn or self._access.login
        meaning, is_plain = meaning_of(code), not (self._access.role_arn or self._access.identity)
        if is_plain and response.status in _NO_SUCH_SERVICE:
            raise LoginRefusedError(f"{who} gives no key for {wanted} ({code}) - {NO_KEYS}")
        if response.status >= 500:
            raise StoreError(f"{who} gave no key for {wanted} ({code}) - see its log")
        if meaning is not None and meaning.about is About.CLOCK:
            raise StoreError(clocks_apart(who, f"it, a key for {wanted}", meaning))
        if meaning is not None and meaning.is_trouble:
            raise StoreError(f"{who} gives no key for {wanted} now ({code}): {meaning.way_out}")
        if is_plain and code != _LOST_LOGIN:
            way_out = NO_KEYS
        else:
            way_out = self._allow() if meaning is None or meaning.about is About.DENIED else meaning.way_out
        raise LoginRefusedError(f"{who} gives no key for {wanted} ({code}) - {way_out}")

    def _allow(self) -> str:
        if self._access.identity == MACHINE:
            return "let this machine or container have a role"
        return "correct role_arn, or let the trust policy of that role name who asks"
