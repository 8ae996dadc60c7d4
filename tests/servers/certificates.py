"""A certificate authority of the tests' own, and a server certificate that it signed."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_LIFE = timedelta(days=2)


def write_certificates(folder: Path, *names: str) -> None:
    """Write root.crt, server.crt and server.key, for these host names and addresses."""
    root_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate("poolsize test root", "poolsize test root", root_key, root_key)
    alternatives = x509.SubjectAlternativeName([_alternative(name) for name in names])
    server = _certificate(names[0], "poolsize test root", server_key, root_key, alternatives)
    (folder / "root.crt").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    (folder / "server.crt").write_bytes(server.public_bytes(serialization.Encoding.PEM))
    (folder / "server.key").write_bytes(
        server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    (folder / "server.key").chmod(0o600)  # PostgreSQL refuses a key that others may read


def _certificate(
    subject: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    alternatives: x509.SubjectAlternativeName | None = None,
) -> x509.Certificate:
    now = datetime.now(timezone.utc)  # noqa: UP017 - plain on 3.11
    built = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LIFE)
        .not_valid_after(now + _LIFE)
        .add_extension(x509.BasicConstraints(ca=alternatives is None, path_length=None), critical=True)
    )
    if alternatives is not None:
        built = built.add_extension(alternatives, critical=False)
    return built.sign(issuer_key, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
