# Requests that wait here for a deployment that is worth waiting for, instead of in its own queue, where nobody could change their mind.
# Rule 1: one line for each group and worker, the oldest first; the group's oldest of all workers is woken when a request ends.
# Rule 2: a request that waits counts for the deployment that it waits for (fleet_hold), and for it alone.
# Rule 3: whoever waits looks again by itself now and then: a worker that dies wakes nobody.
# Rule 4: a slot that is free belongs to those who wait for it already, the oldest first; who comes then stands behind them.

cdef enum:
    LOOK_AGAIN_US = 250000


cdef int enqueue(GatewayService self, Exchange x) except -1:
    """Let a request wait for its choice: where it stood if it has waited before, else behind all others. Return 1 if it was refused."""
    cdef int64_t now = self.poller.now_us
    cdef double wait_s = x.choice.wait_s
    cdef object line
    if x.queued_us == 0:
        if x.deadline_us == 0:
            x.deadline_us = now + (x.wanted_timeout_us if x.wanted_timeout_us else longest_timeout_us(self, x.group))
        if self.queued >= self.queue_limit or wait_s * MICROSECONDS > min(self.queue_us, x.deadline_us - now):
            return queue_full(self, x, wait_s)
        x.queued_us = now
        self.places += 1
        x.place = self.places
    elif x.queued_us + self.queue_us <= now:
        return queue_full(self, x, wait_s)
    line = self.queues.get(x.asked.group)
    if line is None:
        line = self.queues[x.asked.group] = deque()
    stand(line, x)
    x.queued = x.counted = True
    self.queued += 1
    fleet_hold(self.fleet, x.choice.deployment, 1)
    show_oldest(self, x.asked.group, line)
    # Before whoever ends a request now looks for those who wait, or after: one of both sees the other.
    fg_fence()
    if x.choice.until_us == 0 and line[0] is x and fleet_has_room(self.fleet, x.choice.deployment):
        if fleet_oldest_lane(self.fleet, x.asked.group) == self.fleet.lane:
            return let_in(self, x.asked.group)
    return watch_queued(self, x)


cdef int stand(object line, Exchange x) except -1:
    """Put a request into its place."""
    cdef Exchange other
    cdef Py_ssize_t at = 0
    if line:
        other = <Exchange>line[len(line) - 1]
        if other.place > x.place:
            for other in line:
                if other.place > x.place:
                    break
                at += 1
            line.insert(at, x)
            return 0
    line.append(x)
    return 0


cdef int64_t longest_timeout_us(GatewayService self, Group group) noexcept:
    """Return how long a request may take that does not know yet which deployment of the group it goes to."""
    cdef int64_t longest = self.timeout_us
    cdef Py_ssize_t i
    for i in range(len(group.deployments)):
        longest = max(longest, (<Deployment>group.deployments[i]).timeout_us)
    return longest


cdef int hold_back(GatewayService self, Exchange x) except -1:
    """Let a request wait whose choice was taken by others while it was on its way there. Return 1."""
    if x.cause is None:
        # It has asked nobody yet.
        x.deployment = None
    x.choice.until_us = 0
    x.choice.wait_s = 0
    enqueue(self, x)
    return 1


cdef inline void wait_is_over(Exchange x, int64_t now) noexcept:
    x.waited_us = waited_until(x, now)
    x.queued_us = 0


cdef inline int64_t waited_until(Exchange x, int64_t now) noexcept:
    """Return how long a request was held back until *now*, in all."""
    return x.waited_us + (now - x.queued_us if x.queued_us else 0)


cdef int watch_queued(GatewayService self, Exchange x) except -1:
    """Look again when a rate limit admits the request, and now and then."""
    cdef int64_t now = self.poller.now_us
    cdef int64_t until = min(now + LOOK_AGAIN_US, min(x.deadline_us, x.queued_us + self.queue_us))
    if buffer_len(&x.client.out):
        # The answer before it was not taken yet, and has a time of its own.
        return set_deadline(x.client, now + x.client.service.write_timeout_us)
    if x.choice.until_us:
        until = min(until, max(x.choice.until_us, now))
    return set_deadline(x.client, until)


cdef int dequeue(GatewayService self, Exchange x) except -1:
    """Let a request wait no more."""
    if x.queued:
        leave_line(self, x)
    if x.counted:
        x.counted = False
        fleet_hold(self.fleet, x.choice.deployment, -1)
    return 0


cdef int leave_line(GatewayService self, Exchange x) except -1:
    """Take a request out of its line. It still counts for its deployment: whoever comes now stands behind it."""
    cdef object line = self.queues[x.asked.group]
    line.remove(x)
    x.queued = False
    self.queued -= 1
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
    return call_up(self, <Exchange>line[0]) if line else 0


cdef int call_up(GatewayService self, Exchange x) except -1:
    """Let a request that waits be looked at when the batch is over."""
    leave_line(self, x)
    x.again = x.waking = True
    self.poller.again.append(x)
    return 0


cdef int look_by_itself(GatewayService self, Exchange x) except -1:
    """Nobody has called it up for a while: the oldest looks again, and this one if it could go where that one cannot."""
    cdef Exchange oldest = <Exchange>self.queues[x.asked.group][0]
    cdef int64_t now = self.poller.now_us
    call_up(self, oldest)
    if oldest is x:
        return 0
    if now >= x.deadline_us or now >= x.queued_us + self.queue_us or not is_alike(x, oldest):
        return call_up(self, x)
    # Told of by the oldest from here on.
    x.choice.until_us = 0
    return watch_queued(self, x)


cdef inline bint is_alike(Exchange x, Exchange other) noexcept:
    """Whether two requests of a line wait for the same, and can be asked of the same deployments."""
    return (x.choice.deployment == other.choice.deployment and x.tried is None and other.tried is None and x.group is other.group
            and x.operation is other.operation)


cdef int look_again(GatewayService self, Exchange x) except -1:
    """Choose anew for a request that waited. Return 0 if it is to be asked now."""
    cdef int found, line = x.asked.group
    cdef int64_t now = self.poller.now_us
    x.waking = False
    dequeue(self, x)
    if now >= x.deadline_us:
        wait_is_over(x, now)
        relay_fault(x, "upstream_timeout", f"no deployment was free within {x.waited_us // 1000000} s")
        return 1 + released(self, line)
    found = pick(self, x, x.group, x.tried)
    if found == PICK_HOLD:
        if enqueue(self, x):
            released(self, line)
        return 1
    if found == PICK_NONE:
        wait_is_over(x, now)
        relay_fault(x, "upstream_unreachable", "no deployment of the model is left that could be asked")
        return 1 + released(self, line)
    return 0


cdef int queue_full(GatewayService self, Exchange x, double wait_s) except -1:
    """Refuse a request that would wait too long, and say how long. Return 1."""
    x.retry_after_s = max(1, <int>(wait_s + 0.999))
    wait_is_over(x, self.poller.now_us)
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
