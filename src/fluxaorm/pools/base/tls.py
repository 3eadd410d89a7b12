"""TLS for drivers that use Python's ``ssl``. Certificates are checked unless the options say otherwise."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from fluxaorm.errors import ConfigError

if TYPE_CHECKING:
    from fluxaorm.options import TLSOptions


def tls_context(tls: TLSOptions) -> ssl.SSLContext:
    """A context for clients. ConfigError when a file cannot be read."""
    try:
        context = ssl.create_default_context(cafile=tls.ca_file or None)
        if tls.cert_file:
            context.load_cert_chain(tls.cert_file, tls.key_file or None)
    except OSError as error:
        raise ConfigError(f"TLS: a certificate or key cannot be read: {error}") from error
    # the certificates that MySQL makes for itself lack what the strict mode of Python 3.13 asks for
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.check_hostname = tls.verify and tls.check_hostname
    if not tls.verify:
        context.verify_mode = ssl.CERT_NONE
    return context
