# Requests that wait here for a deployment that is worth waiting for, instead of in its own queue, where nobody could change their mind.
# Rule 1: one line for each group and worker, the oldest first; the group's oldest of all workers is woken when a request ends.
# Rule 2: a request that waits counts for the deployment that it waits for (fleet_hold), and for it alone.
# Rule 3: whoever waits looks again by itself now and then: a worker that dies wakes nobody.

cdef enum:
    LOOK_AGAIN_US = 250000


cdef int enqueue(GatewayService self, Exchange x, bint first) except -1:
    """Let a request wait for its choice; *first*: in front of all others, since it was there before. Return 1 if it was refused."""
    cdef int64_t now = self.poller.now_us
    cdef object line
    cdef double wait_s = x.choice.wait_s
    if x.queued_us == 0:
        x.queued_us = now
        if x.deadline_us == 0:
            x.deadline_us = now + (x.wanted_timeout_us if x.wanted_timeout_us else self.timeout_us)
    if not first and (self.queued >= self.queue_limit or wait_s * MICROSECONDS > min(self.queue_us, x.deadline_us - now)):
        return queue_full(self, x, wait_s)
    if x.queued_us + self.queue_us <= now:
        return queue_full(self, x, wait_s)
    line = self.queues.get(x.asked.group)
    if line is None:
        line = self.queues[x.asked.group] = deque()
    if first:
        line.appendleft(x)
    else:
        line.append(x)
    x.queued = True
    self.queued += 1
    fleet_hold(self.fleet, x.choice.deployment, 1)
    show_oldest(self, x.asked.group, line)
    return watch_queued(self, x)


cdef int watch_queued(GatewayService self, Exchange x) except -1:
    """Look again when a rate limit admits the request, and now and then."""
    cdef int64_t until = min(self.poller.now_us + LOOK_AGAIN_US, x.deadline_us)
    if x.choice.until_us:
        until = min(until, max(x.choice.until_us, self.poller.now_us))
    return set_deadline(x.client, until)


cdef int dequeue(GatewayService self, Exchange x) except -1:
    """Take a request out of its line."""
    cdef object line
    if not x.queued:
        return 0
    line = self.queues[x.asked.group]
    line.remove(x)
    x.queued = False
    self.queued -= 1
    fleet_hold(self.fleet, x.choice.deployment, -1)
    return show_oldest(self, x.asked.group, line)


cdef int show_oldest(GatewayService self, int group, object line) except -1:
    """Show all workers since when a request waits here."""
    cdef Exchange oldest
    cdef int64_t since = 0
    if line:
        oldest = <Exchange>line[0]
        since = oldest.queued_us
    fg_put(group_lane_of(self.fleet, group, GROUP_LANE_OLDEST) + self.fleet.lane, since)
    return 0


cdef int released(GatewayService self, int group) except -1:
    """A request of the group is over: the one that has waited longest, in whichever worker, has its turn."""
    cdef int lane = fleet_oldest_lane(self.fleet, group)
    if lane < 0:
        return 0
    if lane == self.fleet.lane:
        return let_in(self, group)
    if lane < len(self.wakers):
        wake_fd(self.wakers[lane])
    return 0


cdef int let_in(GatewayService self, int group) except -1:
    """Let the oldest of a group be looked at when the batch is over."""
    cdef object line = self.queues.get(group)
    cdef Exchange x
    if line:
        x = <Exchange>line[0]
        dequeue(self, x)
        x.again = True
        x.waking = True
        self.poller.again.append(x)
    return 0


cdef int look_again(GatewayService self, Exchange x) except -1:
    """Choose anew for a request that waited. Return 0 if it is to be asked now."""
    cdef int found
    cdef int64_t now = self.poller.now_us
    x.waking = False
    if now >= x.deadline_us:
        relay_fault(x, "upstream_timeout", f"no deployment was free within {(now - x.queued_us) // 1000000} s")
        return 1
    found = pick(self, x, x.group, x.tried)
    if found == PICK_HOLD:
        enqueue(self, x, x.queued_us != 0)
        return 1
    if x.queued_us:
        x.waited_us += now - x.queued_us
        x.queued_us = 0
    if found == PICK_NONE:
        relay_fault(x, "upstream_unreachable", "no deployment of the model is left that could be asked")
        return 1
    return 0


cdef int queue_full(GatewayService self, Exchange x, double wait_s) except -1:
    """Refuse a request that would wait too long, and say how long. Return 1."""
    x.retry_after_s = max(1, <int>(wait_s + 0.999))
    x.queued_us = 0
    if fall_back(self, x, FAILURE_UNAVAILABLE):
        return 1
    return self.refuse(x, "queue_full", f"all deployments of the model are busy; a place will be free in about {x.retry_after_s} s")


cdef class Waker(Watched):
    """Another worker's word that something ended which requests here wait for."""

    cdef int on_event(self, uint32_t events) except -1:
        cdef uint64_t count
        cdef GatewayService service = self.service
        c_read(self.fd, &count, 8)
        for group in list(service.queues):
            let_in(service, group)
        return 0


cdef Waker waker_open(GatewayService service, int fd):
    """Watch the descriptor that other workers write to; it stays its owner's."""
    cdef Waker self = Waker.__new__(Waker)
    self.service = service
    self.poller = service.poller
    self.fd = fd
    self.poller.live.add(self)
    watch(self, EPOLLIN)
    return self


cdef int waker_close(Waker self) except -1:
    if self.fd >= 0:
        epoll_ctl(self.poller.epoll_fd, EPOLL_CTL_DEL, self.fd, NULL)
        self.fd = -1
        self.poller.live.discard(self)
        self.poller.closed.append(self)
    return 0


cdef int wake_fd(int fd) except -1:
    """Wake the worker that watches *fd*; one that is awake already is told once."""
    cdef uint64_t one = 1
    c_write(fd, &one, 8)
    return 0
