"""How providers are verified."""

import ssl

from fastgate.config.schema import Tls
from fastgate.errors import ConfigError


def tls_context(tls: Tls) -> ssl.SSLContext:
    """Return the context for connections to providers: verified by default, HTTP/1.1 only. Raise ConfigError."""
    try:
        context = ssl.create_default_context(cafile=tls.ca_file or None)
        if tls.client_cert_file:
            context.load_cert_chain(tls.client_cert_file, tls.client_key_file or None)
    except OSError as error:
        raise ConfigError([f"TLS towards providers: {tls.ca_file or tls.client_cert_file}: {error}"]) from error
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context
