# One epoll descriptor that the event loop watches: sockets are drained here, without the loop's own transports.
# Rule 1: events are edge-triggered (epoll need not look again at what was handled): a handler reads until a read
#   comes back short. Taking up EPOLLIN again, or any change of interest, makes epoll tell anew of what is there.
# Rule 2: whoever is closed while a batch is handled stays alive until the batch is over.

cdef enum:
    BATCH_EVENTS = 256
    # One recv. Large bodies are read straight to their place; this is for heads, events and answers.
    SCRATCH_BYTES = 128 * 1024
    ARENA_BYTES = 256 * 1024
    TICK_US = 50000
    # Reads of one connection before others have their turn.
    READ_TURNS = 8


cdef class Poller:
    def __cinit__(self):
        cdef epoll_event event
        self.live = set()
        self.closed = []
        self.again = []
        self.timer_fd = self.epoll_fd = self.loop_fd = -1
        self.scratch = <uint8_t *>malloc(SCRATCH_BYTES)
        self.gather.arena = <uint8_t *>malloc(ARENA_BYTES)
        self.gather.size = ARENA_BYTES
        self.sealed = <uint8_t *>malloc(SCRATCH_BYTES)
        self.outbox = <uint8_t *>malloc(OUTBOX_BYTES)
        if self.scratch == NULL or self.sealed == NULL or self.outbox == NULL or self.gather.arena == NULL:
            raise MemoryError()
        gather_start(&self.gather)
        self.now_us = monotonic_us()
        self.tick = self.now_us // TICK_US
        self.epoll_fd = epoll_create1(EPOLL_CLOEXEC)
        self.timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)
        if self.epoll_fd < 0 or self.timer_fd < 0:
            raise_errno("cannot make an epoll descriptor")
        event.events = EPOLLIN
        event.data.ptr = NULL
        if epoll_ctl(self.epoll_fd, EPOLL_CTL_ADD, self.timer_fd, &event) < 0:
            raise_errno("cannot watch the timer")

    def __dealloc__(self):
        free(self.scratch)
        free(self.sealed)
        free(self.outbox)
        free(self.gather.arena)
        if self.timer_fd >= 0:
            c_close(self.timer_fd)
        if self.epoll_fd >= 0:
            c_close(self.epoll_fd)

    def fileno(self):
        return self.epoll_fd

    def counters(self):
        return {"connections": self.connections, "exchanges": self.exchanges, "upstreams": self.upstreams}

    def close_connections(self):
        """Close every connection and listener."""
        cdef Watched watched
        for watched in list(self.live):
            watched_close(watched)
        self.closed.clear()

    def close(self):
        """Close every connection and the descriptor itself."""
        self.close_connections()
        if self.epoll_fd >= 0:
            c_close(self.epoll_fd)
            c_close(self.timer_fd)
            self.epoll_fd = self.timer_fd = -1

    def on_ready(self):
        """Handle everything that is ready; never blocks."""
        cdef epoll_event events[BATCH_EVENTS]
        cdef int count = epoll_wait(self.epoll_fd, events, BATCH_EVENTS, 0)
        if count > 0:
            self.now_us = monotonic_us()
            handle_events(self, events, count)

    def watch_loop(self, int backend_fd):
        """Watch the event loop's own descriptor, for `wait`."""
        cdef epoll_event event
        event.events = EPOLLIN
        event.data.ptr = <void *>self.live
        if epoll_ctl(self.epoll_fd, EPOLL_CTL_ADD, backend_fd, &event) < 0:
            raise_errno("cannot watch the event loop")
        self.loop_fd = backend_fd
        arm_timer(self, True)

    def wait(self):
        """Handle sockets until the event loop has something of its own to do, or for a tick. Return whether it has.

        The other way round, with the loop watching this descriptor, every wake-up costs a turn of the loop and a
        second epoll_wait: 2 of 60 us per request at one connection.
        """
        cdef epoll_event events[BATCH_EVENTS]
        cdef int count
        self.loop_turn = self.ticked = False
        while not self.loop_turn and not self.ticked and self.epoll_fd >= 0:
            with nogil:
                count = epoll_wait(self.epoll_fd, events, BATCH_EVENTS, -1)
            if count < 0:
                break
            self.now_us = monotonic_us()
            handle_events(self, events, count)
        return self.loop_turn


cdef int handle_events(Poller self, epoll_event *events, int count) except -1:
    cdef int i
    cdef Watched watched
    # A checked build holds always, so that every test goes that way too.
    self.batch = FASTGATE_DEBUG or count >= BATCH_LEAST
    self.handling = True
    for i in range(count):
        if events[i].data.ptr == NULL:
            on_tick(self)
            self.ticked = True
            continue
        if events[i].data.ptr == <void *>self.live:
            self.loop_turn = True
            continue
        watched = <Watched>events[i].data.ptr
        if watched.fd < 0:
            continue
        try:
            watched.on_event(events[i].events)
        except Exception as error:
            give_up(watched, error)
    watched = None
    self.handling = self.batch = False
    if self.again:
        run_again(self)
    deliver(self)
    if self.closed:
        self.closed.clear()
    return 0


cdef int give_up(Watched watched, object error) except -1:
    """An unexpected exception, which is a bug of ours: who waits is told, the connection is closed, the rest goes on."""
    cdef Poller poller = watched.poller
    gather_start(&poller.gather)
    if poller.on_exception is not None:
        poller.on_exception(error)
    try:
        watched.on_exception()
    except Exception as second:
        if poller.on_exception is not None:
            poller.on_exception(second)
    return watched_close(watched)


cdef int raise_errno(str what) except -1:
    raise OSError(errno, f"{what}: {os_strerror(errno)}")


# --- timers: a wheel of ticks; an entry is looked at when its tick comes and moved on if its deadline has moved.

cdef int on_tick(Poller self) except -1:
    cdef uint64_t expirations
    cdef int64_t now_tick = self.now_us // TICK_US
    cdef int64_t first = self.tick + 1
    c_read(self.timer_fd, &expirations, 8)
    if now_tick - first >= WHEEL_SLOTS:
        first = now_tick - WHEEL_SLOTS + 1
    self.tick = now_tick
    while first <= now_tick:
        run_slot(self, first & (WHEEL_SLOTS - 1), now_tick)
        first += 1
    if self.log is not None:
        log_flush(self.log)
    if self.starved:
        resume_listeners(self)
    elif self.timers == 0 and self.loop_fd < 0:
        arm_timer(self, False)
    return 0


cdef int run_slot(Poller self, Py_ssize_t slot, int64_t now_tick) except -1:
    cdef void *entry = self.wheel[slot]
    cdef Connection connection
    cdef list due = []
    while entry != NULL:
        connection = <Connection>entry
        entry = connection.timer_next
        if connection.timer_tick <= now_tick:
            due.append(connection)
    for connection in due:
        if connection.fd < 0 or connection.timer_tick < 0:
            continue
        unfile_timer(connection)
        if connection.deadline_us == 0:
            continue
        if connection.deadline_us > self.now_us:
            file_timer(connection)
            continue
        connection.deadline_us = 0
        try:
            connection.on_deadline()
        except Exception as error:
            give_up(connection, error)
    return 0


cdef int arm_timer(Poller self, bint on) except -1:
    cdef itimerspec spec
    memset(&spec, 0, sizeof(spec))
    if on:
        spec.it_value.tv_nsec = spec.it_interval.tv_nsec = TICK_US * 1000
    timerfd_settime(self.timer_fd, 0, &spec, NULL)
    self.timer_armed = on
    return 0


cdef inline int set_deadline(Connection self, int64_t deadline_us) except -1:
    """Call on_deadline at *deadline_us* (monotonic, within one tick behind it); 0 is never."""
    self.deadline_us = deadline_us
    if deadline_us == 0:
        return 0
    if self.timer_tick >= 0:
        if self.timer_tick * TICK_US <= deadline_us + TICK_US:
            return 0
        unfile_timer(self)
    return file_timer(self)


cdef int file_timer(Connection self) except -1:
    cdef Poller poller = self.poller
    cdef int64_t tick = max(self.deadline_us // TICK_US + 1, poller.tick + 1)
    cdef Py_ssize_t slot
    cdef void *head
    # Beyond the horizon: looked at once a turn.
    tick = min(tick, poller.tick + WHEEL_SLOTS - 1)
    slot = tick & (WHEEL_SLOTS - 1)
    head = poller.wheel[slot]
    self.timer_tick = tick
    self.timer_next = head
    self.timer_before = NULL
    if head != NULL:
        (<Connection>head).timer_before = <void *>self
    poller.wheel[slot] = <void *>self
    poller.timers += 1
    if not poller.timer_armed:
        poller.tick = poller.now_us // TICK_US
        arm_timer(poller, True)
    return 0


cdef int unfile_timer(Connection self) except -1:
    cdef Poller poller = self.poller
    if self.timer_tick < 0:
        return 0
    if self.timer_before != NULL:
        (<Connection>self.timer_before).timer_next = self.timer_next
    else:
        poller.wheel[self.timer_tick & (WHEEL_SLOTS - 1)] = self.timer_next
    if self.timer_next != NULL:
        (<Connection>self.timer_next).timer_before = self.timer_before
    self.timer_next = self.timer_before = NULL
    self.timer_tick = -1
    poller.timers -= 1
    return 0
