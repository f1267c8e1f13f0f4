# Small sends of one batch of events, made one behind the other once the batch is handled. A send wakes its receiver; a receiver that
# runs already is not woken again, and the work between two sends no longer lets it fall asleep: 7 % of a request at 64 connections.
# Rule 1: bytes wait here while a batch is handled, never longer: not across a wait, and few across slow code (`deliver_some` first).
# Rule 2: per connection nothing overtakes what is held: a larger send, a shutdown or a close delivers first.

cdef enum:
    # A larger send is made at once.
    SMALL_SEND_BYTES = 4096
    OUTBOX_BYTES = 128 * 1024
    OUTBOX_SENDS = 256
    # These may wait for slow code.
    SLOW_SENDS = 8
    # Events that make a batch. With fewer, a send made at once is answered while the rest is still being done: 5 % at one connection.
    BATCH_LEAST = 4


cdef inline const uint8_t *join(uint8_t *place, iovec *pieces, int count) noexcept:
    """Copy the pieces one behind the other to *place*."""
    cdef uint8_t *end = place
    cdef int i
    for i in range(count):
        if pieces[i].iov_len:  # an empty piece has no address
            memcpy(end, pieces[i].iov_base, pieces[i].iov_len)
            end += pieces[i].iov_len
    return place


cdef int hold(Connection self, iovec *pieces, int count, Py_ssize_t total) except -1:
    """Keep at most SMALL_SEND_BYTES for the end of the batch."""
    cdef Poller poller = self.poller
    cdef Held *held
    if poller.held_count == OUTBOX_SENDS or poller.held_bytes + total > OUTBOX_BYTES:
        deliver(poller)
    held = &poller.held[poller.held_count]
    held.connection = <void *>self
    held.at = poller.held_bytes
    held.n = total
    join(poller.outbox + poller.held_bytes, pieces, count)
    poller.held_count += 1
    poller.held_bytes += total
    self.holds = True
    return 0


cdef inline ssize_t send_now(Connection self, iovec *pieces, int count, Py_ssize_t total) noexcept:
    """Send the pieces with one call. Return what send(2) does."""
    cdef msghdr message
    if count == 1:
        return send(self.fd, pieces[0].iov_base, total, MSG_NOSIGNAL)
    if total <= SMALL_SEND_BYTES:
        # One copy of little costs less than the kernel's walk over the pieces.
        return send(self.fd, join(self.poller.sealed, pieces, count), total, MSG_NOSIGNAL)
    memset(&message, 0, sizeof(message))
    message.msg_iov = pieces
    message.msg_iovlen = count
    return sendmsg(self.fd, &message, MSG_NOSIGNAL)


cdef inline int deliver_some(Poller self) except -1:
    """Before code that may take tens of microseconds: send what is held, unless that is little."""
    return deliver(self) if self.held_count >= SLOW_SENDS else 0


cdef int deliver(Poller self) except -1:
    """Send what is held."""
    cdef bint batch = self.batch
    cdef int i
    cdef Connection connection
    cdef Held *held
    cdef ssize_t sent
    self.batch = False
    for i in range(self.held_count):
        held = &self.held[i]
        connection = <Connection>held.connection
        connection.holds = False
        if connection.fd < 0:
            continue
        sent = send(connection.fd, self.outbox + held.at, held.n, MSG_NOSIGNAL) if buffer_len(&connection.out) == 0 else 0
        if sent == held.n:
            continue
        try:
            if sent < 0 and errno != EAGAIN and errno != EINTR:
                connection.on_unsent()
            else:
                keep(connection, self.outbox + held.at, held.n, max(sent, 0))
        except Exception as error:
            give_up(connection, error)
    self.held_count = 0
    self.held_bytes = 0
    self.batch = batch
    return 0
