# A socket in non-blocking mode: what it receives, what it still has to send.
# Rule 1: output is offered to the socket within the batch of events that made it; what it does not take waits in `out`, and EPOLLOUT is
#   asked for only then.
# Rule 2: a closed connection has fd -1, no timer and no memory; closing twice is nothing.


cdef class Watched:
    cdef int on_event(self, uint32_t events) except -1:
        raise NotImplementedError

    cdef int on_exception(self) except -1:
        return 0


cdef int watch(Watched self, uint32_t interest) except -1:
    """Ask epoll for these events; the first call registers the descriptor."""
    cdef epoll_event event
    if interest == 0:
        # Told of in any case; 0 would read as not registered.
        interest = EPOLLERR
    if interest == self.interest:
        return 0
    event.events = interest | EPOLLET if self.edge else interest
    event.data.ptr = <void *>self
    if epoll_ctl(self.poller.epoll_fd, EPOLL_CTL_MOD if self.interest else EPOLL_CTL_ADD, self.fd, &event) < 0:
        raise_errno("cannot watch a socket")
    self.interest = interest
    return 0


cdef int watched_close(Watched self) except -1:
    if isinstance(self, ClientConnection):
        return client_close(<ClientConnection>self)
    if isinstance(self, UpstreamConnection):
        return upstream_close(<UpstreamConnection>self)
    if isinstance(self, Waker):
        return waker_close(<Waker>self)
    return listener_close(<Listener>self)


cdef class Connection(Watched):
    def __cinit__(self):
        self.fd = -1
        self.timer_tick = -1

    def __dealloc__(self):
        buffer_free(&self.out)

    cdef int on_deadline(self) except -1:
        raise NotImplementedError

    cdef int on_kept(self) except -1:
        """The socket did not take all that was sent; the rest waits in `out`."""
        return 0

    cdef int on_unsent(self) except -1:
        """The socket failed when what was held was delivered. What there is to read may still be read (RFC 9112 9.5)."""
        return tell_again(self)


cdef int connection_open(Connection self, Poller poller, int fd, uint32_t interest) except -1:
    cdef int one = 1
    self.poller = poller
    self.fd = fd
    self.edge = True
    poller.live.add(self)
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one))
    return watch(self, interest)


cdef int connection_close(Connection self, bint reset) except -1:
    """Close the socket now; *reset* sends RST instead of FIN."""
    cdef linger_option option
    cdef Poller poller = self.poller
    if self.fd < 0:
        return 0
    if self.holds and not reset:
        deliver(poller)
    unfile_timer(self)
    if reset:
        option.l_onoff = 1
        option.l_linger = 0
        setsockopt(self.fd, SOL_SOCKET, SO_LINGER, &option, sizeof(option))
    if self.fd != SINK_FD:
        c_close(self.fd)
    if poller.starved:
        resume_listeners(poller)
    self.tls = None
    self.fd = -1
    buffer_free(&self.out)
    poller.closed.append(self)
    poller.live.discard(self)
    return 0


cdef enum:
    # Answers of receive beside a count of bytes: the peer closed; nothing there yet; the socket failed.
    RECEIVED_EOF = 0
    RECEIVED_NOTHING = -2
    RECEIVED_ERROR = -3

cdef enum:
    # The socket may hold more; it holds no more (the next byte makes an event); it held nothing.
    READ_FULL
    READ_SHORT
    READ_NOTHING


cdef Py_ssize_t receive(Connection self, uint8_t *p, Py_ssize_t n) except -1:
    """Read once into p[0 .. n). Return the count of bytes, or RECEIVED_EOF, RECEIVED_NOTHING, RECEIVED_ERROR."""
    cdef ssize_t count
    if self.tls is not None:
        return tls_receive(self, self.tls, p, n)
    count = recv(self.fd, p, n, 0)
    self.poller.last_read = READ_FULL if count == n else READ_SHORT if count > 0 else READ_NOTHING
    if count >= 0:
        return count
    return RECEIVED_NOTHING if errno == EAGAIN or errno == EINTR else RECEIVED_ERROR


cdef inline bint read_again(Connection self, uint32_t events) noexcept:
    """Whether a connection that was just read has to be read once more: an edge tells only once of what is there."""
    cdef int last = self.poller.last_read
    if self.fd < 0 or not self.interest & EPOLLIN:
        return False
    return last == READ_FULL or (last == READ_SHORT and events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))


cdef int tell_again(Connection self) except -1:
    """Let epoll tell anew of what is there."""
    cdef uint32_t interest = self.interest
    self.interest = interest | EPOLLERR
    return watch(self, interest)


cdef inline int offer(Connection self, iovec *pieces, int count, Py_ssize_t total) except -1:
    """Send the pieces, at the end of the batch if they are small; what the socket does not take is kept in `out`.

    Return 0, or 1 if the socket failed.
    """
    if total == 0:
        return 0
    if self.tls is not None:
        return tls_offer(self, self.tls, pieces, count)
    return offer_bytes(self, pieces, count, total)


cdef int offer_bytes(Connection self, iovec *pieces, int count, Py_ssize_t total) except -1:
    """Send the pieces as they are: `offer` behind TLS."""
    cdef ssize_t sent = 0
    cdef int i
    cdef Py_ssize_t n
    if total <= SMALL_SEND_BYTES and self.poller.batch and buffer_len(&self.out) == 0:
        return hold(self, pieces, count, total)
    if self.holds:
        deliver(self.poller)
    if buffer_len(&self.out) == 0:
        sent = send_now(self, pieces, count, total)
        if sent == total:
            return 0
        if sent < 0:
            if errno != EAGAIN and errno != EINTR:
                return 1
            sent = 0
    for i in range(count):
        n = pieces[i].iov_len
        if sent < n:
            keep(self, <const uint8_t *>pieces[i].iov_base, n, sent)
            sent = 0
        else:
            sent -= n
    return 0


cdef int keep(Connection self, const uint8_t *p, Py_ssize_t n, Py_ssize_t sent) except -1:
    """The socket took *sent* bytes of p[0 .. n): the others wait in `out`."""
    buffer_append(&self.out, p + sent, n - sent)
    watch(self, self.interest | EPOLLOUT)
    return self.on_kept()


cdef int drain(Connection self) except -1:
    """Send what waits in `out`, and ask for EPOLLOUT as long as something does. Return 0, or 1 if the socket failed."""
    cdef ssize_t sent
    cdef Py_ssize_t left = buffer_len(&self.out)
    while left:
        sent = send(self.fd, self.out.data + self.out.start, left, MSG_NOSIGNAL)
        if sent < 0:
            if errno != EAGAIN and errno != EINTR:
                return 1
            break
        buffer_consume(&self.out, sent)
        left -= sent
    if left == 0:
        buffer_free(&self.out)
        watch(self, self.interest & ~<uint32_t>EPOLLOUT)
    else:
        watch(self, self.interest | EPOLLOUT)
    return 0


# --- Gather: the output of one turn, put together for one send

cdef inline void gather_start(Gather *g) noexcept:
    g.count = 2
    g.used = 0
    g.content = 0
    g.pieces[0].iov_base = NULL
    g.pieces[0].iov_len = 0
    g.pieces[1].iov_base = NULL
    g.pieces[1].iov_len = 0


cdef inline bint gather_put(Gather *g, const uint8_t *p, Py_ssize_t n) noexcept:
    """Add p[0 .. n), which must stay as it is until the send if it is large. Return False if there is no room: send first.

    One piece and 16 bytes are kept back for the end of a chunked body.
    """
    cdef iovec *last
    if n <= 0:
        return True
    if n <= 2048:
        if g.used + n + 16 > g.size:
            return False
        last = &g.pieces[g.count - 1]
        memcpy(g.arena + g.used, p, n)
        if g.count > 2 and <uint8_t *>last.iov_base + last.iov_len == g.arena + g.used:
            last.iov_len += n
        elif g.count < GATHER_PIECES - 1:
            g.pieces[g.count].iov_base = g.arena + g.used
            g.pieces[g.count].iov_len = n
            g.count += 1
        else:
            return False
        g.used += n
    else:
        if g.count >= GATHER_PIECES - 1:
            return False
        g.pieces[g.count].iov_base = <void *>p
        g.pieces[g.count].iov_len = n
        g.count += 1
    g.content += n
    return True
