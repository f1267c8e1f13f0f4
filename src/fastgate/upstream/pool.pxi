# Connections to one origin: asked for, kept, aged and replaced.
# Rule 1: a connection is reused only after a cleanly framed answer, and destroyed when it becomes readable while idle.
# Rule 2: whoever waits is served in order; a failed dial fails only those for whom no other address or dial is left.

cdef enum:
    # RFC 8305 8: connection attempt delay.
    ATTEMPT_DELAY_US = 250000
    WAITING_LIMIT = 10000


cdef class Pool:
    """One origin's connections. *resolve* is called with the pool and answers through `on_addresses`."""

    def __init__(self, Poller poller not None, str host not None, int port, settings, tls_context, resolve, bytes tunnel=None,
                 str origin=""):
        self.poller = poller
        self.host = host
        self.port = port
        self.origin = origin or f"{host}:{port}"
        self.tls_context = tls_context
        self.tunnel = tunnel
        self.resolve = resolve
        self.addresses = []
        self.idle = []
        self.waiting = deque()
        self.limit = settings.connections
        self.idle_limit = settings.idle_connections
        self.connect_timeout_us = <int64_t>(settings.connect_timeout_s * 1000000)
        self.keepalive_timeout_us = <int64_t>(settings.keepalive_timeout_s * 1000000)
        self.last_failure = ""

    @property
    def idle_count(self):
        return len(self.idle)

    @property
    def waiting_count(self):
        return len(self.waiting)

    def warm(self, int count):
        """Open connections until *count* are there; those of a name when it has been resolved."""
        self.warm_count = count
        while self.open + self.dialing < count and self.dial_more():
            pass

    cdef int close_idle(self) except -1:
        cdef UpstreamConnection connection
        for connection in list(self.idle):
            upstream_close(connection)
        return 0

    def close(self):
        """Close idle connections; those in use are closed when their answer ends."""
        self.closed = True
        self.close_idle()

    def on_addresses(self, list addresses not None, str failure, double ttl_s):
        """Take what `resolve` found, (family, packed address, port) in order of preference; empty with a failure."""
        self.resolving = False
        if addresses:
            self.addresses = addresses
            self.preferred = 0
            self.addresses_until_us = monotonic_us() + <int64_t>(ttl_s * 1000000)
        elif not self.addresses:
            self.last_failure = failure
            fail_waiting(self, "upstream_unreachable", failure)
            run_again(self.poller)
            return
        while self.dialing < len(self.waiting) and self.dial_more():
            pass
        while self.open + self.dialing < self.warm_count and self.dial_more():
            pass
        self.warm_count = 0

    cdef int ask(self, Exchange exchange) except -1:
        """Give the exchange to an idle connection, or let it wait for one."""
        cdef UpstreamConnection connection
        while self.idle:
            connection = <UpstreamConnection>self.idle.pop()
            if connection.fd >= 0:
                return connection.start(exchange)
        if len(self.waiting) >= WAITING_LIMIT:
            return relay_fault(exchange, "overloaded", f"{WAITING_LIMIT} requests wait for a connection to the provider already")
        exchange.waiting = True
        self.waiting.append(exchange)
        self.dial_more()
        return 0

    cdef int dial_more(self) except -1:
        """Open one more connection if somebody waits and the bound allows. Return 1 if a dial was begun."""
        cdef int64_t now = self.poller.now_us
        if self.open + self.dialing >= self.limit or (self.dialing >= len(self.waiting) and self.waiting):
            return 0
        if now >= self.addresses_until_us and not self.resolving:
            # A stale address serves until the new one is there: nobody waits for DNS twice.
            self.resolving = True
            self.resolve(self)
            self.poller.loop_turn = True
            if not self.resolving:
                # Answered at once: on_addresses has dialed all that is wanted.
                return self.dialing > 0
        if not self.addresses:
            return 0
        return self.dial(self.preferred % len(self.addresses))

    cdef int dial(self, Py_ssize_t address, int tried=0) except -1:
        """Connect to *address*, an index, after *tried* others were tried for the same request."""
        cdef UpstreamConnection connection = UpstreamConnection.__new__(UpstreamConnection)
        connection.pool = self
        connection.address = address
        connection.tried = tried + 1
        self.dialing += 1
        return upstream_dial(connection, self.addresses[address])

    cdef int give(self, UpstreamConnection connection) except -1:
        """A connection is free: serve who waits, or keep it."""
        cdef Exchange exchange
        while self.waiting:
            exchange = <Exchange>self.waiting.popleft()
            exchange.waiting = False
            if not exchange.closed:
                return connection.start(exchange)
        if self.closed or len(self.idle) >= self.idle_limit:
            return upstream_close(connection)
        connection.state = UPSTREAM_IDLE
        self.idle.append(connection)
        return set_deadline(connection, self.poller.now_us + self.keepalive_timeout_us)

    cdef int gone(self, UpstreamConnection connection) except -1:
        """A connection was closed: forget it; somebody who waits may need another one."""
        if connection.state == UPSTREAM_CONNECTING or connection.state == UPSTREAM_TUNNEL or connection.state == UPSTREAM_HANDSHAKE:
            self.dialing -= 1
        else:
            self.open -= 1
            if connection.state == UPSTREAM_IDLE:
                try:
                    self.idle.remove(connection)
                except ValueError:
                    pass
        return 0

    cdef int failed(self, UpstreamConnection connection, str code, str message) except -1:
        """A dial failed: try the next address; the last failure is what those who wait are told."""
        cdef Py_ssize_t count = len(self.addresses)
        upstream_close(connection)
        if self.open == 0:
            self.last_failure = message
        if connection.tried < count and len(self.waiting) > self.dialing:
            self.preferred = (connection.address + 1) % count
            self.dial(self.preferred, connection.tried)
            return 0
        if self.dialing == 0:
            self.preferred = 0
            self.addresses_until_us = 0
            fail_waiting(self, code, message)
        return 0


cdef int fail_waiting(Pool self, str code, str message) except -1:
    cdef Exchange exchange
    cdef list exchanges = list(self.waiting)
    self.waiting.clear()
    for exchange in exchanges:
        exchange.waiting = False
        if not exchange.closed:
            relay_fault(exchange, code, message)
    return 0
