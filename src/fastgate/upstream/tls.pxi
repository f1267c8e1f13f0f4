# TLS towards a provider, by the interpreter's own ssl module on the non-blocking socket: its TLS object reads and
# writes the descriptor itself, without memory buffers in between.


cdef int tls_begin(UpstreamConnection self) except -1:
    """Hand the descriptor to a TLS socket; it owns it from here."""
    cdef object sock = socket_class(fileno=self.fd)
    sock.setblocking(False)
    self.tls = self.pool.tls_context.wrap_socket(
        sock, server_hostname=self.pool.host, do_handshake_on_connect=False, suppress_ragged_eofs=False
    )
    return 0


cdef int tls_ready(UpstreamConnection self) except -1:
    # The methods beneath SSLSocket.recv_into and .send: those check on every call what is settled here.
    cdef object inner = self.tls._sslobj
    self.tls_read = inner.read
    self.tls_write = inner.write
    return 0


cdef str tls_reason(object error):
    return getattr(error, "verify_message", None) or getattr(error, "reason", None) or str(error)
