"""What TLS a MySQL or MariaDB DSN asks for, in the spellings of the usual clients; never less than it says."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from poolsize.dsn import Dsn
from poolsize.errors import DsnError, TlsError

MODES: Final = ("DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")
"""mysql's --ssl-mode, from weak to strong."""
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_FILES: Final = frozenset({"sslca", "sslcapath", "sslcert", "sslkey"})
_SWITCHES: Final[Mapping[str, str]] = {
    "ssl": "REQUIRED",
    "usessl": "REQUIRED",
    "requiressl": "REQUIRED",
    "sslverifycert": "VERIFY_CA",
    "verifyservercertificate": "VERIFY_CA",
    "sslverifyidentity": "VERIFY_IDENTITY",
    "sslcheckhostname": "VERIFY_IDENTITY",
    "sslverifyservercert": "VERIFY_IDENTITY",
}


@dataclass(frozen=True)
class TlsRequest:
    """The mode, and the files that go with it."""

    mode: str
    ca: str | None = None
    capath: str | None = None
    cert: str | None = None
    key: str | None = None

    @property
    def required(self) -> bool:
        return self.mode not in ("DISABLED", "PREFERRED")

    @property
    def verified(self) -> bool:
        return self.mode.startswith("VERIFY")

    @property
    def root(self) -> str | None:
        """What the certificate is checked against; None when it is not."""
        return (self.ca or self.capath or "system") if self.verified else None

    def context(self) -> ssl.SSLContext | None:
        """The context that does what was asked; None for no TLS. Raises TlsError for a file that is no use."""
        if self.mode == "DISABLED":
            return None
        try:
            return self._verifying() if self.verified else self._encrypting()
        except (OSError, ssl.SSLError) as error:
            named = " or ".join(file for file in (self.ca, self.capath, self.cert, self.key) if file)
            reason = getattr(error, "strerror", None) or error
            raise TlsError(f"The TLS files of the DSN ({named or 'none'}) cannot be used: {reason}.") from None

    def _encrypting(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return self._with_own_certificate(context)

    def _verifying(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca, capath=self.capath)
        # Python 3.13 asks for extensions that the certificates which MySQL makes for itself do not have.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.check_hostname = self.mode == "VERIFY_IDENTITY"
        return self._with_own_certificate(context)

    def _with_own_certificate(self, context: ssl.SSLContext) -> ssl.SSLContext:
        if self.cert:
            context.load_cert_chain(self.cert, self.key)
        return context


def tls_request(dsn: Dsn) -> TlsRequest:
    """The strongest of what the options say; PREFERRED when they say nothing, as mysql's own client does.

    Raises DsnError for a TLS option that is not known, or options that contradict each other.
    """
    files: dict[str, str] = {}
    asked: list[str] = []
    refused: list[str] = []
    for name, value in dsn.options.items():
        key = name.lower().replace("-", "").replace("_", "")
        if key in _FILES:
            files[key] = value
        elif key == "sslmode":
            asked.append(_mode(name, value))
        elif key == "ssldisabled":
            asked += ["DISABLED"] if _switch(name, value) else []
        elif key in _SWITCHES:
            (asked if _switch(name, value) else refused).append(_SWITCHES[key])
        elif key.startswith(("ssl", "tls")):
            raise DsnError(
                f"The DSN's TLS option '{name}' is not known; poolsize reads ssl-mode, ssl_ca, ssl_capath, "
                "ssl_cert, ssl_key, ssl_verify_cert, ssl_verify_identity."
            )
    return TlsRequest(
        _strongest(asked, refused, files),
        ca=files.get("sslca"),
        capath=files.get("sslcapath"),
        cert=files.get("sslcert"),
        key=files.get("sslkey"),
    )


def _strongest(asked: list[str], refused: list[str], files: Mapping[str, str]) -> str:
    named_root = "sslca" in files or "sslcapath" in files
    if named_root and "VERIFY_CA" not in refused:
        asked = [*asked, "VERIFY_CA"]
    elif files:
        asked = [*asked, "REQUIRED"]
    off = "DISABLED" in asked or "REQUIRED" in refused
    wanted = [mode for mode in asked if mode not in ("DISABLED", "PREFERRED")]
    if off and wanted:
        raise DsnError(f"The DSN's TLS options contradict each other: both no TLS and {wanted[0]}.")
    if off:
        return "DISABLED"
    return max(asked, key=MODES.index, default="PREFERRED")


def _mode(name: str, value: str) -> str:
    mode = value.upper().replace("-", "_")
    if mode not in MODES:
        raise DsnError(f"The DSN's {name} is one of {', '.join(MODES)}.")
    return mode


def _switch(name: str, value: str) -> bool:
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise DsnError(f"The DSN's {name} is true or false.")
