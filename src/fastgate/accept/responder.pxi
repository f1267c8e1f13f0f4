# A service that answers through a Python callable with bytes of its own making: the mock provider.


cdef class Responder(Service):
    """Hand each complete request to *callback*."""

    def __init__(self, callback):
        self.callback = callback

    cdef int on_head(self, ClientConnection client, Head *head) except -1:
        cdef Request request = Request.__new__(Request)
        request.client = client
        request.method = bytes_of(head.method.at, head.method.n)
        request.target = bytes_of(head.target.at, head.target.n)
        request.head = fields_of(head)
        request.keep_alive = client.keep_alive
        client.attached = request
        return 0

    cdef int on_message(self, ClientConnection client) except -1:
        cdef Request request = <Request>client.attached
        request.body = bytes_of(client.body.data + client.body.start, buffer_len(&client.body)) if client.body.data != NULL else b""
        buffer_free(&client.body)
        self.callback(request)
        return 0

    cdef int on_fault(self, ClientConnection client, str code, str message) except -1:
        cdef bytes body = message.encode()
        cdef bytes answer = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        client.attached = None
        return raw_send(client, answer)

    cdef int on_gone(self, ClientConnection client) except -1:
        cdef Request request = <Request>client.attached
        request.gone = True
        request.client = None
        if request.on_gone is not None:
            request.on_gone()
        return 0


cdef bytes fields_of(Head *head):
    """Return the fields as `name: value` lines with lower-case names, LF behind each."""
    cdef list lines = []
    cdef int i
    for i in range(head.count):
        lines.append(bytes_of(head.fields[i].name.at, head.fields[i].name.n).lower() + b": ")
        lines.append(bytes_of(head.fields[i].value.at, head.fields[i].value.n) + b"\n")
    return b"\n" + b"".join(lines)


cdef int raw_send(ClientConnection client, bytes answer) except -1:
    cdef iovec piece
    piece.iov_base = PyBytes_AS_STRING(answer)
    piece.iov_len = PyBytes_GET_SIZE(answer)
    if client.fd >= 0 and offer(client, &piece, 1, piece.iov_len):
        client_close(client)
    return 0


cdef class Request:
    """One complete request; `write` raw bytes of the answer, then `finish`."""

    def field(self, bytes name not None):
        """Return the value of the first field of this lower-case name, or b""."""
        cdef bytes mark = b"\n" + name + b": "
        cdef Py_ssize_t at = self.head.find(mark)
        if at < 0:
            return b""
        return self.head[at + len(mark):self.head.index(b"\n", at + 1)]

    def write(self, bytes answer not None):
        """Send bytes as they are, status line and framing included; kept if the client is slow, dropped if it is gone."""
        if not self.gone:
            raw_send(self.client, answer)

    def finish(self, bint keep=True):
        """The answer is complete: the connection is kept, or closed (behind what is still to be sent) if the request or *keep* says so."""
        cdef ClientConnection client = self.client
        if not self.gone:
            client.keep_alive &= keep
            self.gone = True
            self.client = None
            client.attached = None
            client.finish()

    def close(self):
        """Close the connection now, whatever was promised."""
        if not self.gone:
            client_close(self.client, False)

    def reset(self):
        """Close the connection with RST."""
        if not self.gone:
            client_close(self.client, True)
