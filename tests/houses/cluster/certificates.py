"""The certificate authority of one test cluster: made anew for each, kept in its folder."""

import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIFETIME = timedelta(days=30)


class Authority:
    """Signs certificates; `ca.crt` and `ca.key` lie in the folder, as every other pair."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._key = self.write_key("ca")
        self._name = _name("shoal test cluster")
        builder = _certificate(self._name, self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self._write_certificate("ca", builder)

    @property
    def certificate(self) -> Path:
        """The file that clients trust."""
        return self.folder / "ca.crt"

    def write_key(self, name: str) -> ec.EllipticCurvePrivateKey:
        """Write `<name>.key`, and `<name>.pub` with its public half."""
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        path = self.folder / f"{name}.key"
        path.touch(mode=0o600)
        path.write_bytes(private)
        (self.folder / f"{name}.pub").write_bytes(public)
        return key

    def issue(self, name: str, *, user: str, group: str = "", hosts: Iterable[str] = ()) -> None:
        """Write `<name>.key` and `<name>.crt`: a client by user and group, a server by its hosts (names, addresses)."""
        key = self.write_key(name)
        builder = _certificate(_name(user, group), self._name, key.public_key())
        names = [_host(host) for host in hosts]
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        self._write_certificate(name, builder)

    def _write_certificate(self, name: str, builder: x509.CertificateBuilder) -> None:
        certificate = builder.sign(self._key, hashes.SHA256())
        (self.folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
    )


def _name(user: str, group: str = "") -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, user)]
    if group:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    return x509.Name(attributes)


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
