# The server role: a client's connection, message by message, in order.
# Rule 1: one request at a time; what a client sends ahead waits unparsed, and past PIPELINED_BYTES is not read.
# Rule 2: wrong framing is answered once, and nothing behind it is ever parsed.
# Rule 3: a client that closes its side while it is owed an answer has gone away (the answer is cancelled).

cdef enum:
    PIPELINED_BYTES = 64 * 1024
    # What is read and dropped for the sake of an answer that came early.
    DISCARDED_BYTES = 64 * 1024
    # A slow client's upstream is paused above, and read again below.
    OUT_HIGH_BYTES = 128 * 1024
    OUT_LOW_BYTES = 32 * 1024
    LINGER_US = 1000000
    # While the whole process waits for it.
    DRAIN_LINGER_US = 200000
    # Read at once where a head is expected: more of a large body would have to be copied to its place.
    HEAD_RECV_BYTES = 16 * 1024
    # Of a connection without a socket: larger than any descriptor.
    SINK_FD = 0x7fffffff
    # Body bytes read at once at the most; others have their turn between.
    BODY_RECV_BYTES = 512 * 1024

# The head being looked at: parsed, used and done with within one call of feed.
cdef Head parsed_head

cdef bytes CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


cdef class Service:
    cdef int on_head(self, ClientConnection client, Head *head) except -1:
        """A request's head is there. Return 0 to read on, 1 if it was answered already."""
        raise NotImplementedError

    cdef int on_piece(self, ClientConnection client, Py_ssize_t n) except -1:
        """*n* bytes more of a body that has no length are there. Return 1 if they are too many and the request was answered."""
        return 0

    cdef int on_message(self, ClientConnection client) except -1:
        """The request is complete; client.body is the service's to take."""
        raise NotImplementedError

    cdef int on_fault(self, ClientConnection client, str code, str message) except -1:
        """The client broke framing, a limit or a time limit: answer; the connection is closed behind it."""
        return 0

    cdef int on_gone(self, ClientConnection client) except -1:
        return 0

    cdef int on_drained(self, ClientConnection client) except -1:
        return 0

    cdef int on_answer_deadline(self, ClientConnection client) except -1:
        return 0

    cdef int on_bug(self, ClientConnection client) except -1:
        """An exception that nobody expected came up in this client's request."""
        return 0


cdef int service_limits(Service self, object limits) except -1:
    self.line_limit = limits.request_line_bytes
    self.head_limit = limits.head_bytes
    self.field_limit = limits.head_fields
    self.body_limit = limits.body_bytes
    self.chunk_limit = min(limits.chunk_bytes, limits.body_bytes)
    self.head_timeout_us = <int64_t>(limits.head_timeout_s * 1000000)
    self.body_timeout_us = <int64_t>(limits.body_timeout_s * 1000000)
    self.write_timeout_us = <int64_t>(limits.write_timeout_s * 1000000)
    self.keepalive_timeout_us = <int64_t>(limits.keepalive_timeout_s * 1000000)
    self.connection_limit = limits.client_connections
    self.request_limit = limits.requests_in_flight
    self.bodies_limit = limits.bodies_bytes
    return 0


cdef class Listener(Watched):
    """Accepts connections for a service from a listening socket, which stays the caller's."""

    def __init__(self, Poller poller not None, sock, Service service not None, limits):
        self.poller = poller
        self.sock = sock
        self.service = service
        service_limits(service, limits)
        sock.setblocking(False)
        self.fd = sock.fileno()
        poller.live.add(self)
        watch(self, EPOLLIN)

    def close(self):
        """Stop accepting."""
        listener_close(self)

    cdef int on_event(self, uint32_t events) except -1:
        cdef sockaddr_storage address
        cdef unsigned int n
        cdef int fd, turn
        cdef ClientConnection client
        for turn in range(64):
            if self.poller.connections >= self.service.connection_limit:
                # Left in the backlog; looked at again when a connection closes.
                watch(self, EPOLLERR)
                return 0
            n = sizeof(address)
            fd = accept4(self.fd, <sockaddr *>&address, &n, SOCK_NONBLOCK | SOCK_CLOEXEC)
            if fd < 0:
                if errno == EMFILE or errno == ENFILE:
                    # No descriptor left: accepting again at once would spin. The next close or tick makes another try.
                    watch(self, EPOLLERR)
                    self.poller.starved = True
                    if not self.poller.timer_armed:
                        arm_timer(self.poller, True)
                return 0
            client = ClientConnection.__new__(ClientConnection)
            client_open(client, self, fd, is_loopback(&address))
            client.address = who_of(&address)
        return 0


cdef int listener_close(Listener self) except -1:
    if self.fd >= 0:
        epoll_ctl(self.poller.epoll_fd, EPOLL_CTL_DEL, self.fd, NULL)
        self.fd = -1
        self.poller.live.discard(self)
        self.poller.closed.append(self)
    return 0


cdef int resume_listeners(Poller poller) except -1:
    """Accept again: there is room for a connection."""
    cdef Watched watched
    poller.starved = False
    for watched in poller.live:
        if isinstance(watched, Listener) and watched.interest == EPOLLERR:
            watch(watched, EPOLLIN)
    return 0


cdef int client_open(ClientConnection self, Listener listener, int fd, bint loopback) except -1:
    cdef Poller poller = listener.poller
    self.service = listener.service
    self.loopback = loopback
    poller.connections += 1
    client_reset(self)
    connection_open(self, poller, fd, EPOLLIN | EPOLLRDHUP)
    self.since_us = poller.now_us
    return set_deadline(self, poller.now_us + self.service.head_timeout_us)


cdef ClientConnection client_sink(Service service, Poller poller):
    """Return what stands for a caller where there is none."""
    cdef ClientConnection self = ClientConnection.__new__(ClientConnection)
    self.service = service
    self.poller = poller
    self.fd = SINK_FD
    self.sink = True
    self.minor = 1
    self.state = CLIENT_ANSWER
    poller.live.add(self)
    return self


cdef inline void client_reset(ClientConnection self) noexcept:
    """Be ready for the next request's head."""
    self.state = CLIENT_HEAD
    self.search.scanned = 0
    self.search.line_at = 0
    self.search.line_limit = self.service.line_limit
    self.search.head_limit = self.service.head_limit
    self.empty_lines = 0
    self.body_length = 0
    self.body_received = 0
    self.chunked_answer = False
    self.expect_continue = False


cdef int client_close(ClientConnection self, bint reset=False) except -1:
    cdef Poller poller = self.poller
    if self.fd < 0:
        return 0
    connection_close(self, reset)
    self.state = CLIENT_CLOSED
    buffer_free(&self.inbound)
    buffer_free(&self.body)
    poller.connections -= not self.sink
    if poller.connections == self.service.connection_limit - 1:
        resume_listeners(poller)
    if self.attached is not None:
        self.service.on_gone(self)
        self.attached = None
    return 0


cdef class ClientConnection(Connection):
    def __dealloc__(self):
        buffer_free(&self.inbound)
        buffer_free(&self.body)

    cdef int on_event(self, uint32_t events) except -1:
        cdef int turn
        if self.broken:
            return client_close(self)
        if events & EPOLLOUT:
            if drain(self):
                return client_close(self)
            if buffer_len(&self.out) == 0 and self.state == CLIENT_LINGER:
                if not self.interest & EPOLLIN:
                    return client_close(self)
                shutdown(self.fd, SHUT_WR)
                set_deadline(self, self.poller.now_us + LINGER_US)
            if self.state == CLIENT_ANSWER:
                set_deadline(self, self.poller.now_us + self.service.write_timeout_us if buffer_len(&self.out) else 0)
                if buffer_len(&self.out) <= OUT_LOW_BYTES:
                    self.service.on_drained(self)
            if self.fd < 0:
                return 0
        if events & EPOLLIN and self.interest & EPOLLIN:
            for turn in range(READ_TURNS):
                self.on_readable()
                if not read_again(self, events):
                    return 0
            return tell_again(self)
        if events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR):
            return self.on_eof()
        return 0

    cdef int on_unsent(self) except -1:
        # Whoever sends may still be walking memory that goes with the request: the poller tells of the end once that is done.
        self.broken = True
        return tell_again(self)

    cdef int on_kept(self) except -1:
        cdef int64_t latest = self.poller.now_us + self.service.write_timeout_us
        # Between two requests the deadline is that of the next one: the answer before it comes first.
        if self.deadline_us == 0 or self.deadline_us > latest or self.state == CLIENT_HEAD:
            set_deadline(self, latest)
        return 0

    cdef int on_exception(self) except -1:
        self.keep_alive = False
        if self.attached is not None:
            self.service.on_bug(self)
        return 0

    cdef int on_readable(self) except -1:
        cdef Poller poller = self.poller
        cdef Py_ssize_t n, used = 0, room
        cdef int64_t left
        if self.state == CLIENT_BODY and self.body_length >= 0 and self.body_length - self.body_received > HEAD_RECV_BYTES // 2:
            left = self.body_length - self.body_received
            # One byte more than the body: a read that brings just the body is short, and nothing needs to be asked again.
            room = min(left + 1, BODY_RECV_BYTES)
            n = receive(self, self.body.data + self.body.end, room)
            if n > left:
                buffer_append(&self.inbound, self.body.data + self.body.end + left, 1)
                n = left
            if n > 0:
                self.body.end += n
                self.body_received += n
                return self.message_complete() if n == left else body_progress(self)
        else:
            n = receive(self, poller.scratch, HEAD_RECV_BYTES)
            if n > 0:
                if self.state == CLIENT_LINGER:
                    self.body_received += n
                    return client_close(self) if self.body_received > DISCARDED_BYTES else 0
                if buffer_len(&self.inbound) == 0 and self.state != CLIENT_ANSWER:
                    self.feed(poller.scratch, n, &used)
                    return buffer_append(&self.inbound, poller.scratch + used, n - used) if self.fd >= 0 and used < n else 0
                buffer_append(&self.inbound, poller.scratch, n)
                if self.state != CLIENT_ANSWER:
                    return self.feed_kept()
                if buffer_len(&self.inbound) > PIPELINED_BYTES:
                    watch(self, self.interest & ~<uint32_t>EPOLLIN)
                return 0
        if n == RECEIVED_NOTHING:
            return 0
        return self.on_eof()

    cdef int on_eof(self) except -1:
        """The client closed its side or is gone. An answer that is complete is still delivered to one that reads on."""
        if self.holds:
            deliver(self.poller)
        if buffer_len(&self.out) and (self.state == CLIENT_LINGER or self.state == CLIENT_HEAD):
            self.state = CLIENT_LINGER
            return watch(self, EPOLLOUT)
        return client_close(self)

    cdef int on_deadline(self) except -1:
        if self.state == CLIENT_HEAD:
            if buffer_len(&self.inbound) == 0:
                return client_close(self)
            self.keep_alive = False
            # Of whatever head was parsed last.
            parsed_head.path.at = NULL
            self.service.on_fault(self, "request_timeout", "the request head did not arrive in time")
            return self.linger()
        if self.state == CLIENT_BODY:
            self.keep_alive = False
            self.service.on_fault(self, "request_timeout", "the request body did not arrive in time")
            return self.linger()
        if self.state == CLIENT_ANSWER and buffer_len(&self.out) == 0:
            return self.service.on_answer_deadline(self)
        return client_close(self)

    cdef int feed_kept(self) except -1:
        """Parse what was kept."""
        cdef Py_ssize_t used = 0
        if self.feeding or self.fd < 0 or buffer_len(&self.inbound) == 0:
            return 0
        # The memory may move while it is parsed (a request may be answered, the next one kept): take it along.
        cdef Buffer kept = self.inbound
        memset(&self.inbound, 0, sizeof(Buffer))
        try:
            self.feed(kept.data + kept.start, buffer_len(&kept), &used)
        except BaseException:
            buffer_free(&kept)
            raise
        if self.fd < 0:
            buffer_free(&kept)
            return 0
        buffer_consume(&kept, used)
        if buffer_len(&kept):
            self.inbound = kept
        else:
            buffer_free(&kept)
        if not self.interest & EPOLLIN and buffer_len(&self.inbound) <= PIPELINED_BYTES:
            watch(self, self.interest | EPOLLIN)
        return 0

    cdef int feed(self, const uint8_t *p, Py_ssize_t n, Py_ssize_t *consumed) except -1:
        """Parse p[0 .. n) as far as it goes: until more is needed, or a request is owed its answer."""
        cdef Py_ssize_t used = 0, step
        self.feeding = True
        try:
            while self.fd >= 0:
                step = 0
                if self.state == CLIENT_HEAD:
                    if self.feed_head(p + used, n - used, &step):
                        used += step
                        break
                elif self.state == CLIENT_BODY or self.state == CLIENT_DISCARD:
                    if self.feed_body(p + used, n - used, &step):
                        used += step
                        break
                elif self.state == CLIENT_LINGER:
                    step = n - used
                    used = n
                    break
                else:
                    break
                used += step
        finally:
            self.feeding = False
        consumed[0] = used
        return 0

    cdef int feed_head(self, const uint8_t *p, Py_ssize_t n, Py_ssize_t *consumed) except -1:
        """Look for a head in p[0 .. n). Return 1 if more bytes are needed."""
        cdef Py_ssize_t skipped = 0, length = 0
        cdef int found
        parsed_head.path.at = NULL
        self.head_method = False
        # RFC 9112 2.2: ignore an empty line before the request line; clients of old sent CRLF behind a body.
        while self.search.scanned == 0 and n - skipped >= 1 and (p[skipped] == 13 or p[skipped] == 10):
            if p[skipped] == 10:
                return self.fault(FAULT_BARE_LF)
            if n - skipped < 2:
                break
            if p[skipped + 1] != 10:
                return self.fault(FAULT_BARE_CR)
            self.empty_lines += 1
            if self.empty_lines > 2:
                return self.fault(FAULT_EMPTY_LINES)
            skipped += 2
        consumed[0] = skipped
        if skipped == n or p[skipped] == 13:
            return 1
        # For an error in the head itself; begin_body reads the method that was parsed.
        self.head_method = n - skipped >= 5 and memcmp(p + skipped, b"HEAD ", 5) == 0
        found = find_head_end(&self.search, p + skipped, n - skipped, &length)
        if found < 0:
            if self.since_us == 0:
                self.since_us = self.poller.now_us
                set_deadline(self, self.since_us + self.service.head_timeout_us)
            return 1
        if found:
            return self.fault(found)
        found = parse_head(&parsed_head, p + skipped, length, True, self.service.field_limit)
        if found:
            return self.fault(found)
        consumed[0] = skipped + length
        self.begin_body(&parsed_head)
        return 0

    cdef int begin_body(self, Head *head) except -1:
        """Choose the body's framing, ask the service, and be ready to read."""
        cdef Span expect
        self.minor = head.minor
        self.head_method = fg_is_word(head.method.at, head.method.n, b"head")
        self.keep_alive = says_keep(self, head)
        self.body_length = -1 if head.chunked else max(head.content_length, 0)
        self.since_us = self.poller.now_us
        if self.body_length > self.service.body_limit:
            return self.fault(FAULT_BODY_LARGE)
        expect = find_field(head, FIELD_EXPECT)
        self.expect_continue = expect.at != NULL and head.minor == 1
        if self.expect_continue and not fg_is_word(expect.at, expect.n, b"100-continue"):
            self.keep_alive = False
            self.service.on_fault(self, "expectation_failed", "Expect can only be 100-continue")
            self.linger()
            return 0
        self.state = CLIENT_BODY
        chunked_start(&self.chunked, self.service.body_limit, self.service.chunk_limit)
        if self.service.on_head(self, head):
            return discard_body(self)
        if self.fd < 0 or self.body_length == 0:
            return self.message_complete() if self.fd >= 0 else 0
        set_deadline(self, self.since_us + self.service.body_timeout_us)
        if self.body_length > 0:
            buffer_reserve(&self.body, self.body_length + 1)
        return 0

    cdef int feed_body(self, const uint8_t *p, Py_ssize_t n, Py_ssize_t *consumed) except -1:
        """Read the body from p[0 .. n). Return 1 if more bytes are needed."""
        cdef const uint8_t *cursor = p
        cdef Span content
        cdef int found
        cdef Py_ssize_t take
        if self.expect_continue:
            # Only a client that waits is told to go on (RFC 9110 10.1.1).
            self.expect_continue = False
            if n == 0:
                say_continue(self)
        if self.body_length >= 0:
            take = min(n, self.body_length - self.body_received)
            if self.state == CLIENT_BODY:
                buffer_append(&self.body, p, take)
            self.body_received += take
            consumed[0] = take
            if self.body_received < self.body_length:
                return 1 + 0 * body_progress(self)
            self.message_complete()
            return 0
        while True:
            found = chunked_next(&self.chunked, &cursor, p + n, &content)
            consumed[0] = cursor - p
            if found == CHUNKED_CONTENT:
                self.body_received += content.n
                if self.state == CLIENT_BODY:
                    if self.service.on_piece(self, content.n):
                        self.linger()
                        return 1
                    buffer_append(&self.body, content.at, content.n)
                elif self.body_received > DISCARDED_BYTES:
                    self.linger()
                    return 1
            elif found == CHUNKED_MORE:
                body_progress(self)
                return 1
            elif found == CHUNKED_DONE:
                self.message_complete()
                return 0
            elif self.state == CLIENT_DISCARD:
                self.linger()
                return 1
            else:
                return self.fault(found)

    cdef int message_complete(self) except -1:
        if self.state == CLIENT_DISCARD:
            self.state = CLIENT_ANSWER
            return self.finish()
        self.state = CLIENT_ANSWER
        self.deadline_us = 0
        return self.service.on_message(self)

    cdef int finish(self) except -1:
        """The answer is written: read the next request, or close if that was the last one."""
        if self.fd < 0:
            return 0
        if self.broken or self.sink:
            return client_close(self)
        buffer_free(&self.body)
        if not self.keep_alive or self.service.draining:
            return self.linger()
        client_reset(self)
        self.since_us = 0
        if buffer_len(&self.out):
            set_deadline(self, self.poller.now_us + self.service.write_timeout_us)
        else:
            set_deadline(self, self.poller.now_us + self.service.keepalive_timeout_us)
        return self.feed_kept()

    cdef int linger(self) except -1:
        """Close, but let the client read what was sent: FIN first, what still comes is dropped."""
        if self.sink:
            return client_close(self)
        if self.holds:
            deliver(self.poller)
        if self.fd < 0:
            return 0
        self.state = CLIENT_LINGER
        self.body_received = 0
        buffer_free(&self.inbound)
        if buffer_len(&self.out) == 0:
            shutdown(self.fd, SHUT_WR)
            set_deadline(self, self.poller.now_us + (DRAIN_LINGER_US if self.service.draining else LINGER_US))
        else:
            set_deadline(self, self.poller.now_us + self.service.write_timeout_us)
        return watch(self, self.interest | EPOLLIN)

    cdef int fault(self, int fault) except -1:
        """Answer broken framing and say goodbye. Return 1: nothing behind it is parsed."""
        cdef tuple known = FAULTS[fault]
        self.keep_alive = False
        self.service.on_fault(self, known[0], known[1])
        self.linger()
        return 1

    cdef int send_gathered(self) except -1:
        """Send what lies in the poller's gather. Return 1 if the client is gone: it is closed behind this turn, never within."""
        cdef Gather *g = &self.poller.gather
        cdef int first = 0
        cdef Py_ssize_t total = g.content + g.pieces[0].iov_len + g.pieces[1].iov_len
        if g.pieces[0].iov_len == 0:
            first = 2 if g.pieces[1].iov_len == 0 else 1
        if self.broken or self.fd < 0 or self.sink:
            gather_start(g)
            return not self.sink
        if offer(self, &g.pieces[first], g.count - first, total):
            gather_start(g)
            self.on_unsent()
            return 1
        gather_start(g)
        return 0


cdef inline bint says_keep(ClientConnection self, Head *head) noexcept:
    """Whether the connection is to be kept after this request (RFC 9112 9.3)."""
    return (not head.close if head.minor == 1 else head.keep and not head.close) and not self.service.draining


cdef inline bint is_discardable(ClientConnection self) noexcept:
    """Whether the body of a request that is answered from its head can be read and dropped; else the answer is the last one."""
    return not self.expect_continue and 0 <= self.body_length <= DISCARDED_BYTES


cdef int discard_body(ClientConnection self) except -1:
    """The request was answered from its head: drop a short body, close on a long one."""
    if self.fd < 0:
        return 0
    if not is_discardable(self) or not self.keep_alive:
        self.linger()
        return 0
    self.state = CLIENT_DISCARD
    set_deadline(self, self.poller.now_us + self.service.body_timeout_us)
    if self.body_length == 0:
        self.message_complete()
    return 0


cdef int body_progress(ClientConnection self) except -1:
    """Bytes of the body came: the next must come in time, and all of them at 1 KiB/s at least."""
    cdef int64_t idle = self.poller.now_us + self.service.body_timeout_us
    cdef int64_t slowest = self.since_us + self.service.body_timeout_us + self.body_received * 1000000 // 1024
    return set_deadline(self, min(idle, slowest))


cdef int say_continue(ClientConnection self) except -1:
    cdef iovec piece
    piece.iov_base = PyBytes_AS_STRING(CONTINUE)
    piece.iov_len = PyBytes_GET_SIZE(CONTINUE)
    if offer(self, &piece, 1, piece.iov_len):
        client_close(self)
    return 0
