"""An OpenID provider as a cluster is one: it tells its public key and signs the tokens of service accounts."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from worker.http_faults import faulty_store, whole

AUDIENCE = "shoal"


class TokenIssuer:
    """Signs tokens; `url` is what a relying party is told."""

    def __init__(self, url: str, key: rsa.RSAPrivateKey) -> None:
        self.url = url
        self._key = key

    def token(self, subject: str, seconds: int = 3600) -> str:
        """Sign a token for a service account."""
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": subject, "exp": int(time.time()) + seconds}
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": "1"})


@contextmanager
def token_issuer() -> Iterator[TokenIssuer]:
    """Serve the provider's two documents."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        issuer = f"http://{handler.headers['Host']}"
        document = (
            {"issuer": issuer, "jwks_uri": f"{issuer}/keys", "authorization_endpoint": issuer, "token_endpoint": issuer}
            if handler.path.endswith("/openid-configuration")
            else {"keys": [_public(key)]}
        )
        whole(json.dumps(document).encode())(handler, number)

    with faulty_store(answer) as (url, _):
        yield TokenIssuer(url, key)


def _public(key: rsa.RSAPrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1", "n": _number(numbers.n), "e": _number(numbers.e)}


def _number(value: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()
