# TLS by the interpreter's own ssl module, between memory buffers: one recv brings many records, one send takes many.


cdef enum:
    # RFC 8446 5.2: content, and what encryption may add.
    TLS_RECORD_BYTES = 5 + 16384 + 256


cdef class Tls:
    """One connection's TLS session, from an ssl.SSLContext."""

    def __init__(self, context, str server_hostname):
        self.arrived = MemoryBIO()
        self.leaving = MemoryBIO()
        session = context.wrap_bio(self.arrived, self.leaving, server_hostname=server_hostname)
        # The object beneath SSLObject: that one adds a Python call to each read and write.
        self.session = session._sslobj
        self.read = self.session.read
        self.write = self.session.write
        self.pending = self.session.pending


cdef int tls_handshake(Connection self, Tls tls) except -1:
    """Take the handshake a step further. Return 1 when it is complete; raise OSError if it failed."""
    cdef Py_ssize_t n
    cdef bint more = False
    if self.interest & EPOLLIN:
        n = recv(self.fd, self.poller.scratch, SCRATCH_BYTES, 0)
        self.poller.last_read = READ_FULL if n == SCRATCH_BYTES else READ_SHORT if n > 0 else READ_NOTHING
        if n > 0:
            tls.arrived.write(PyMemoryView_FromMemory(<char *>self.poller.scratch, n, PyBUF_READ))
        elif n == 0 or (errno != EAGAIN and errno != EINTR):
            raise OSError("the connection was closed during the handshake")
    try:
        tls.session.do_handshake()
    except SSLWantReadError:
        more = True
    except OSError:
        # The alert tells the peer why (RFC 8446 6.2).
        tls_flush(self, tls)
        raise
    if tls_flush(self, tls):
        raise OSError("the connection was closed during the handshake")
    return 0 if more else 1


cdef Py_ssize_t tls_receive(Connection self, Tls tls, uint8_t *p, Py_ssize_t n) except -1:
    """Read once from the socket and decrypt all that is complete into p[0 .. n), which has room for one read's worth."""
    cdef Py_ssize_t count, count_room, got = 0, room
    cdef uint8_t *sealed = self.poller.sealed
    if tls.closed or tls.reason is not None:
        self.poller.last_read = READ_NOTHING
        return tls_end(self, tls)
    # The session holds the beginning of a record itself (MemoryBIO.pending does not tell): leave room for it.
    room = max(min(n, SCRATCH_BYTES) - TLS_RECORD_BYTES, 4096)
    count = recv(self.fd, sealed, room, 0)
    self.poller.last_read = READ_FULL if count == room else READ_SHORT if count > 0 else READ_NOTHING
    if count == 0:
        return tls_end(self, tls)
    if count < 0:
        return RECEIVED_NOTHING if errno == EAGAIN or errno == EINTR else RECEIVED_ERROR
    tls.arrived.write(PyMemoryView_FromMemory(<char *>sealed, count, PyBUF_READ))
    try:
        while n > got:
            count_room = n - got
            count = tls.read(n - got, PyMemoryView_FromMemory(<char *>p + got, n - got, PyBUF_WRITE))
            if count <= 0:
                # The session gives 0 for close_notify where an SSLSocket would raise.
                tls.closed = True
                break
            got += count
            # A read with room for a whole record takes all of it: only a smaller one can have left some behind.
            if tls.arrived.pending == 0 and (count_room >= 16384 or tls.pending() == 0):
                break
    except SSLWantReadError:
        pass
    except SSLZeroReturnError:
        tls.closed = True
    except OSError as error:
        tls.reason = tls_reason(error)
    if tls.closed or tls.reason is not None:
        if got == 0:
            return tls_end(self, tls)
        # The end is told by one more read: no event need follow (RFC 8446 6.1).
        self.poller.last_read = READ_FULL
    return got if got else RECEIVED_NOTHING


cdef Py_ssize_t tls_end(Connection self, Tls tls) noexcept:
    """The socket or the session ended: a clean end only behind the peer's close_notify (RFC 8446 6.1)."""
    return RECEIVED_EOF if tls.closed and tls.reason is None else RECEIVED_ERROR


cdef str tls_reason(object error):
    return getattr(error, "verify_message", None) or getattr(error, "reason", None) or str(error)


cdef int tls_offer(Connection self, Tls tls, iovec *pieces, int count) except -1:
    """Encrypt the pieces and send them. Return 0, or 1 if the socket failed."""
    cdef int i
    cdef Py_ssize_t n, used = 0
    cdef uint8_t *joined = self.poller.sealed
    for i in range(count):
        n = pieces[i].iov_len
        if n == 0:
            continue
        # Small pieces share a record; a large one is encrypted where it lies.
        if used + n > SCRATCH_BYTES or n > 16384:
            if used:
                tls.write(PyMemoryView_FromMemory(<char *>joined, used, PyBUF_READ))
                used = 0
            if n > 16384:
                tls.write(PyMemoryView_FromMemory(<char *>pieces[i].iov_base, n, PyBUF_READ))
                continue
        memcpy(joined + used, pieces[i].iov_base, n)
        used += n
    if used:
        tls.write(PyMemoryView_FromMemory(<char *>joined, used, PyBUF_READ))
    return tls_flush(self, tls)


cdef int tls_flush(Connection self, Tls tls) except -1:
    """Send what the session has to say. Return 0, or 1 if the socket failed."""
    cdef bytes sealed = tls.leaving.read()
    cdef iovec piece
    piece.iov_base = PyBytes_AS_STRING(sealed)
    piece.iov_len = PyBytes_GET_SIZE(sealed)
    return offer_bytes(self, &piece, 1, piece.iov_len) if piece.iov_len else 0
