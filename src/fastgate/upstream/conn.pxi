# The client role: one connection to a provider, one request at a time.
# Rule 1: 1xx answers are skipped, 101 is refused; a final answer may come before the request is written.
# Rule 2: any doubt about framing destroys the connection: too long, too short, extra bytes, cancelled.
# Rule 3: a reused connection that dies before the first byte of the answer is replaced once, in silence.

cdef enum:
    # Bound of an upstream's head. - curl: 300 KiB - Node: 16 KiB - nginx: proxy_buffer_size, 4-8 KiB
    UPSTREAM_HEAD_BYTES = 64 * 1024
    UPSTREAM_INTERIM_LIMIT = 16


cdef class UpstreamConnection(Connection):
    def __dealloc__(self):
        buffer_free(&self.inbound)

    cdef int on_event(self, uint32_t events) except -1:
        cdef int turn
        if self.state == UPSTREAM_CONNECTING:
            return finish_connect(self)
        if self.holds:
            if self.reused and self.state == UPSTREAM_ACTIVE:
                # Closed by the provider, or bytes nobody asked for: the request has not been sent yet, and goes elsewhere.
                return self.broken(f"{self.pool.origin} closed the connection without an answer")
            deliver(self.poller)
        if self.state == UPSTREAM_HANDSHAKE:
            if events & EPOLLOUT and drain(self):
                return self.pool.failed(self, "upstream_unreachable", f"{self.pool.origin} closed the connection during the TLS handshake")
            if not events & ~<uint32_t>EPOLLOUT:
                return 0
            for turn in range(READ_TURNS):
                self.handshake()
                if self.fd < 0 or self.state == UPSTREAM_HANDSHAKE and not read_again(self, events):
                    return 0
                if self.state != UPSTREAM_HANDSHAKE:
                    break
            # What came behind the handshake, the end included.
            return tell_again(self)
        if events & EPOLLOUT:
            if buffer_len(&self.out) and drain(self):
                return self.fail("upstream_cut", "the connection to the provider failed while the request was written")
            if self.state == UPSTREAM_ACTIVE and buffer_len(&self.out) == 0 and self.sent < self.exchange.request_bytes:
                self.write_request()
            if self.fd < 0:
                return 0
        if events & (EPOLLHUP | EPOLLERR) or (events & EPOLLIN and self.interest & EPOLLIN):
            for turn in range(READ_TURNS):
                self.on_readable()
                if not read_again(self, events):
                    return 0
            return tell_again(self)
        return 0

    cdef int on_exception(self) except -1:
        if self.state < UPSTREAM_IDLE:
            return self.pool.failed(self, "internal_error", f"the gateway failed on the way to {self.pool.origin}")
        if self.exchange is None or self.exchange.client is None:
            return 0 if self.exchange is None else hedge_broke(self.exchange)
        return self.exchange.service.on_bug(self.exchange.client)

    cdef int start(self, Exchange exchange) except -1:
        """Send the exchange's request."""
        self.state = UPSTREAM_ACTIVE
        self.exchange = exchange
        exchange.upstream = self
        exchange.attempts += 1
        exchange.dispatched = True
        self.sent = 0
        self.interim = 0
        self.head_done = False
        self.silent = True
        self.search.scanned = self.search.line_at = 0
        self.search.line_limit = self.search.head_limit = UPSTREAM_HEAD_BYTES
        exchange.dispatched_us = monotonic_us()
        if exchange.complete_us and exchange.overhead_us == 0:
            exchange.overhead_us = exchange.dispatched_us - exchange.complete_us - exchange.waited_us
        self.write_request()
        if self.fd >= 0 and self.state == UPSTREAM_ACTIVE:
            self.first_byte_deadline()
        return 0

    cdef int first_byte_deadline(self) except -1:
        cdef Exchange exchange = self.exchange
        cdef int64_t patience = exchange.deployment.stream_timeout_us if exchange.stream else exchange.deployment.timeout_us
        if exchange.stream and exchange.deployment.first_token_us:
            patience = min(patience, exchange.deployment.first_token_us)
        return set_deadline(self, exchange.dispatched_us + patience)

    cdef int write_request(self) except -1:
        """Write what is left of the request, straight from the exchange's memory."""
        cdef Exchange exchange = self.exchange
        cdef iovec pieces[12]
        cdef ssize_t count
        cdef Py_ssize_t skip = self.sent, n
        cdef int i, used = 0
        for i in range(exchange.piece_count):
            n = exchange.pieces[i].iov_len
            if skip >= n:
                skip -= n
                continue
            pieces[used].iov_base = <uint8_t *>exchange.pieces[i].iov_base + skip
            pieces[used].iov_len = n - skip
            skip = 0
            used += 1
        if self.tls is not None:
            n = exchange.request_bytes - self.sent
            self.sent = exchange.request_bytes
            if offer(self, pieces, used, n):
                return self.broken("the connection to the provider failed while the request was written")
            return 0
        n = exchange.request_bytes - self.sent
        if n <= SMALL_SEND_BYTES and self.poller.batch:
            hold(self, pieces, used, n)
            count = n
        else:
            count = send_now(self, pieces, used, n)
        if count < 0:
            if errno != EAGAIN and errno != EINTR:
                # An answer sent before the connection was closed may still be there to read (RFC 9112 9.5).
                return watch(self, EPOLLIN | EPOLLRDHUP)
            count = 0
        self.sent += count
        if self.sent == exchange.request_bytes and exchange.head_sent:
            free_request(exchange)
        return watch(self, self.interest & ~<uint32_t>EPOLLOUT if self.sent == exchange.request_bytes else self.interest | EPOLLOUT)

    cdef int on_readable(self) except -1:
        cdef Poller poller = self.poller
        cdef Py_ssize_t n = receive(self, poller.scratch, SCRATCH_BYTES)
        if n == RECEIVED_NOTHING:
            return 0
        if self.state == UPSTREAM_IDLE:
            # Closed by the provider, or bytes nobody asked for.
            return upstream_close(self)
        if n <= 0:
            return self.on_eof(n == RECEIVED_EOF)
        if self.state == UPSTREAM_TUNNEL:
            return self.feed_tunnel(poller.scratch, n)
        return self.feed(poller.scratch, n)

    cdef int feed(self, const uint8_t *p, Py_ssize_t n) except -1:
        """Parse received bytes: head, then content, which goes on to the caller at once."""
        cdef Exchange exchange = self.exchange
        cdef Py_ssize_t used = 0, step
        if self.silent:
            self.silent = False
            exchange.first_byte_us = poller_clock(self.poller)
        if not self.head_done:
            if buffer_len(&self.inbound):
                buffer_append(&self.inbound, p, n)
                p = self.inbound.data + self.inbound.start
                n = buffer_len(&self.inbound)
            while not self.head_done:
                step = 0
                if self.feed_head(p + used, n - used, &step):
                    if self.fd < 0 or self.exchange is None:
                        return 0
                    if p != self.inbound.data + self.inbound.start or self.inbound.data == NULL:
                        return buffer_append(&self.inbound, p + used, n - used)
                    buffer_consume(&self.inbound, used)
                    return 0
                used += step
        if self.fd < 0 or self.exchange is None:
            return 0
        step = 0
        if not self.feed_body(p + used, n - used, &step):
            # More to come: what is here goes out now, from where it lies.
            relay_flush(exchange)
            tell_progress(exchange)
            buffer_free(&self.inbound)
            if self.fd >= 0 and self.exchange is not None:
                self.deadline_us = self.poller.now_us + silence_us(exchange)
                if self.timer_tick < 0:
                    file_timer(self)
            return 0
        return 0

    cdef int feed_head(self, const uint8_t *p, Py_ssize_t n, Py_ssize_t *consumed) except -1:
        """Read a head. Return 1 if more bytes are needed or the exchange is over."""
        cdef Py_ssize_t length = 0
        cdef Head *head = &parsed_head
        cdef int found = find_head_end(&self.search, p, n, &length)
        if found < 0:
            return 1
        if found == 0:
            found = parse_head(head, p, length, False, MAX_FIELDS)
        if found:
            self.broken_protocol(FAULTS[found][1])
            return 1
        consumed[0] = length
        self.search.scanned = self.search.line_at = 0
        if head.status < 200:
            self.interim += 1
            if head.status == 101 or self.interim > UPSTREAM_INTERIM_LIMIT:
                self.broken_protocol("it switched protocols" if head.status == 101 else "too many 1xx answers")
                return 1
            return 0
        self.head_done = True
        self.keep_alive = head.minor == 1 and not head.close
        if head.status == 204 or head.status == 304 or self.exchange.operation.name == "head":
            self.body = BODY_NONE
        elif head.chunked:
            self.body = BODY_CHUNKED
            chunked_start(&self.chunked, <int64_t>1 << 62, <int64_t>1 << 40)
        elif head.content_length >= 0:
            self.body = BODY_LENGTH
            self.left = head.content_length
        else:
            self.body = BODY_CLOSE
            self.keep_alive = False
        if self.exchange.mirrored.open:
            read_limits(self.exchange, head)
        relay_head(self.exchange, head)
        return 0

    cdef int feed_body(self, const uint8_t *p, Py_ssize_t n, Py_ssize_t *consumed) except -1:
        """Pass content on. Return 1 if the answer ended, well or not."""
        cdef Exchange exchange = self.exchange
        cdef const uint8_t *cursor = p
        cdef Span content
        cdef int found
        cdef Py_ssize_t take
        if self.body == BODY_CHUNKED:
            while True:
                found = chunked_next(&self.chunked, &cursor, p + n, &content)
                if found == CHUNKED_CONTENT:
                    relay_content(exchange, content.at, content.n)
                    if self.exchange is None:
                        return 1
                elif found == CHUNKED_MORE:
                    return 0
                elif found == CHUNKED_DONE:
                    self.answered(cursor == p + n)
                    return 1
                else:
                    self.broken_protocol(FAULTS[found][1])
                    return 1
        if self.body == BODY_NONE:
            self.answered(n == 0)
            return 1
        if self.body == BODY_CLOSE:
            relay_content(exchange, p, n)
            return 1 if self.exchange is None else 0
        take = min(n, self.left)
        self.left -= take
        if take:
            relay_content(exchange, p, take)
            if self.exchange is None:
                return 1
        if self.left:
            return 0
        self.answered(n == take)
        return 1

    cdef int answered(self, bint clean) except -1:
        """The answer is complete. *clean*: nothing came behind it."""
        cdef Exchange exchange = self.exchange
        cdef bint written = self.sent == exchange.request_bytes and buffer_len(&self.out) == 0
        self.exchange = None
        exchange.upstream = None
        self.reused = True
        relay_end(exchange)
        buffer_free(&self.inbound)
        # The connection before the caller's next request, which may want it.
        if clean and self.keep_alive and written:
            watch(self, EPOLLIN | EPOLLRDHUP)
            self.pool.give(self)
        else:
            upstream_close(self)
            if self.pool.waiting:
                self.pool.dial_more()
        return 0 if exchange.again else relay_close(exchange)

    cdef int on_eof(self, bint clean) except -1:
        """The provider closed, or the socket failed."""
        cdef Exchange exchange = self.exchange
        if self.state == UPSTREAM_TUNNEL:
            return self.pool.failed(self, "upstream_unreachable", f"the proxy on the way to {self.pool.origin} closed the connection")
        if self.head_done and self.body == BODY_CLOSE and clean and not relay_was_cut(exchange):
            self.keep_alive = False
            self.answered(True)
            return 0
        if self.silent:
            if self.tls is not None and self.tls.reason is not None:
                return self.broken(f"TLS with {self.pool.origin} failed: {self.tls.reason}")
            return self.broken(f"{self.pool.origin} closed the connection without an answer")
        if not self.head_done and not begins_as_answer(&self.inbound):
            return self.broken_protocol("it sent what is no answer, and closed the connection")
        return self.fail("upstream_cut", f"{self.pool.origin} closed the connection before its answer was complete")

    cdef int broken(self, str message) except -1:
        """Before any byte of an answer: a reused connection was stale, and the request is sent once more on a new one."""
        cdef Exchange exchange = self.exchange
        cdef Pool pool = self.pool
        if not self.reused or not self.silent:
            return self.fail("upstream_cut", message)
        self.exchange = None
        exchange.upstream = None
        upstream_close(self)
        # All idle connections are suspect now: the provider may have restarted.
        pool.close_idle()
        return pool.ask(exchange)

    cdef int broken_protocol(self, str what) except -1:
        return self.fail("upstream_protocol", f"{self.pool.origin} broke HTTP/1.1: {what}")

    cdef int fail(self, str code, str message) except -1:
        """End the exchange with an error; the connection is destroyed."""
        cdef Exchange exchange = self.exchange
        cdef Pool pool = self.pool
        if exchange is not None:
            # What the answer has so far may lie in this connection's memory.
            relay_flush(exchange)
        self.exchange = None
        upstream_close(self)
        if pool.waiting:
            pool.dial_more()
        if exchange is None:
            return 0
        exchange.upstream = None
        return relay_fault(exchange, code, message)

    cdef int on_deadline(self) except -1:
        if self.state == UPSTREAM_IDLE:
            return upstream_close(self)
        if self.state != UPSTREAM_ACTIVE and self.poller.now_us < self.dial_until_us:
            # RFC 8305: the next address gets its chance while this one is still being tried.
            set_deadline(self, self.dial_until_us)
            if self.state == UPSTREAM_CONNECTING and self.pool.waiting and self.tried < len(self.pool.addresses):
                self.pool.dial((self.address + 1) % len(self.pool.addresses), self.tried)
            return 0
        if self.state != UPSTREAM_ACTIVE:
            return self.pool.failed(
                self, "upstream_timeout", f"no connection to {self.pool.origin} within {self.pool.connect_timeout_us // 1000} ms"
            )
        if self.exchange.paused:
            # It is the caller that does not read; its own time limit holds.
            return set_deadline(self, self.poller.now_us + self.exchange.deployment.gap_timeout_us)
        if not self.silent and self.exchange.holding and self.exchange.mode != MODE_JSON and first_token_left(self.exchange) <= 0:
            return self.fail("upstream_timeout", f"{self.pool.origin} said nothing within its first_token_timeout")
        if not self.silent and silence_us(self.exchange) < self.exchange.deployment.gap_timeout_us:
            set_deadline(self, self.poller.now_us + self.exchange.deployment.gap_timeout_us - HOLD_US)
            return relay_held(self.exchange)
        if self.silent:
            return self.fail("upstream_timeout", f"{self.pool.origin} sent nothing within the time limit")
        return self.fail("upstream_timeout", f"{self.pool.origin} fell silent in the middle of its answer")

    cdef int connected(self) except -1:
        """TCP is there: then a tunnel through a proxy, then TLS, each if wanted."""
        cdef iovec piece
        if self.pool.tunnel is not None and self.state == UPSTREAM_CONNECTING:
            self.state = UPSTREAM_TUNNEL
            self.search.scanned = self.search.line_at = 0
            self.search.line_limit = self.search.head_limit = UPSTREAM_HEAD_BYTES
            piece.iov_base = PyBytes_AS_STRING(self.pool.tunnel)
            piece.iov_len = PyBytes_GET_SIZE(self.pool.tunnel)
            watch(self, EPOLLIN | EPOLLRDHUP)
            offer(self, &piece, 1, piece.iov_len)
            return 0
        if self.pool.tls_context is None:
            return self.ready()
        self.state = UPSTREAM_HANDSHAKE
        self.tls = Tls(self.pool.tls_context, self.pool.host)
        # The first step only speaks; from then on each event brings something to read.
        watch(self, EPOLLOUT)
        return self.handshake()

    cdef int feed_tunnel(self, const uint8_t *p, Py_ssize_t n) except -1:
        """Read the proxy's answer to CONNECT."""
        cdef Py_ssize_t length = 0
        cdef int found
        buffer_append(&self.inbound, p, n)
        found = find_head_end(&self.search, self.inbound.data, self.inbound.end, &length)
        if found < 0:
            return 0
        if found or parse_head(&parsed_head, self.inbound.data, length, False, MAX_FIELDS):
            return self.pool.failed(self, "upstream_protocol", f"the proxy on the way to {self.pool.origin} broke HTTP/1.1")
        if parsed_head.status // 100 != 2:
            return self.pool.failed(
                self, "upstream_unreachable", f"the proxy on the way to {self.pool.origin} answered {parsed_head.status}"
            )
        if length != self.inbound.end:
            return self.pool.failed(self, "upstream_protocol", f"the proxy on the way to {self.pool.origin} sent bytes behind its answer")
        buffer_free(&self.inbound)
        return self.connected()

    cdef int handshake(self) except -1:
        cdef bint done
        try:
            done = tls_handshake(self, self.tls)
        except OSError as error:
            return self.pool.failed(self, "upstream_unreachable", f"TLS with {self.pool.origin} failed: {tls_reason(error)}")
        return self.ready() if done else watch(self, self.interest & EPOLLOUT | EPOLLIN | EPOLLRDHUP)

    cdef int ready(self) except -1:
        """The connection can be used."""
        cdef Pool pool = self.pool
        pool.dialing -= 1
        pool.open += 1
        pool.preferred = self.address
        pool.last_failure = ""
        self.state = UPSTREAM_IDLE
        self.deadline_us = 0
        watch(self, EPOLLIN | EPOLLRDHUP)
        return pool.give(self)


cdef bint begins_as_answer(Buffer *b) noexcept:
    """Whether the bytes so far, none included, can be the beginning of a status line."""
    return buffer_len(b) == 0 or memcmp(b.data + b.start, b"HTTP/1.", min(7, buffer_len(b))) == 0


cdef inline int64_t poller_clock(Poller poller) noexcept:
    return poller.now_us


cdef int upstream_dial(UpstreamConnection self, tuple address) except -1:
    """Begin to connect to (family, packed address, port)."""
    cdef sockaddr_in v4
    cdef sockaddr_in6 v6
    cdef int family = address[0], fd, done
    cdef bytes packed = address[1]
    cdef Pool pool = self.pool
    fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
    self.state = UPSTREAM_CONNECTING
    if fd < 0:
        self.poller = pool.poller
        return pool.failed(self, "upstream_unreachable", f"no socket for a connection to {pool.origin}: {os_strerror(errno)}")
    pool.poller.upstreams += 1
    connection_open(self, pool.poller, fd, EPOLLOUT)
    if family == AF_INET:
        memset(&v4, 0, sizeof(v4))
        v4.sin_family = AF_INET
        v4.sin_port = htons(address[2])
        memcpy(&v4.sin_addr, PyBytes_AS_STRING(packed), 4)
        done = connect(fd, <sockaddr *>&v4, sizeof(v4))
    else:
        memset(&v6, 0, sizeof(v6))
        v6.sin6_family = AF_INET6
        v6.sin6_port = htons(address[2])
        memcpy(&v6.sin6_addr, PyBytes_AS_STRING(packed), 16)
        done = connect(fd, <sockaddr *>&v6, sizeof(v6))
    if done < 0 and errno != EINPROGRESS:
        return pool.failed(self, "upstream_unreachable", f"cannot connect to {pool.origin}: {os_strerror(errno)}")
    self.dial_until_us = pool.poller.now_us + pool.connect_timeout_us
    set_deadline(self, min(self.dial_until_us, pool.poller.now_us + ATTEMPT_DELAY_US))
    return 1


cdef int finish_connect(UpstreamConnection self) except -1:
    cdef int error = 0
    cdef unsigned int n = sizeof(error)
    getsockopt(self.fd, SOL_SOCKET, SO_ERROR, &error, &n)
    if error:
        return self.pool.failed(self, "upstream_unreachable", f"cannot connect to {self.pool.origin}: {os_strerror(error)}")
    return self.connected()


cdef int upstream_close(UpstreamConnection self) except -1:
    """Destroy the connection; whoever was served by it has been told, or will be by the caller."""
    if self.state == UPSTREAM_CLOSED:
        return 0
    self.pool.gone(self)
    self.state = UPSTREAM_CLOSED
    # Whoever asked is gone, or asks elsewhere.
    self.holds = False
    if self.fd >= 0:
        self.poller.upstreams -= 1
        connection_close(self, False)
    buffer_free(&self.inbound)
    return 0
