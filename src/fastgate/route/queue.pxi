# Requests that wait here for a deployment that is worth waiting for, instead of in its own queue, where nobody could change their mind.
# Rule 1: one line for each group and worker; whose turn is next, in whichever worker, is woken when a request ends.
# Rule 2: a request that waits counts for the deployment that it waits for (fleet_hold), and for it alone.
# Rule 3: whoever waits looks again by itself now and then: a worker that dies wakes nobody.
# Rule 4: a slot that is free belongs to those who wait for it already, in their turn; who comes then joins them.
# Rule 5: who would wait longer than makes sense, as far as can be told, is refused at once.

cdef enum:
    LOOK_AGAIN_US = 250000
    # Retry-After where nothing can be told: from the first to the last, by chance.
    RETRY_FIRST_S = 1
    RETRY_LAST_S = 3


cdef int enqueue(GatewayService self, Exchange x) except -1:
    """Let a request wait for its choice: where it stood if it has waited before, else in its turn. Return 1 if it was refused."""
    cdef int64_t now = self.poller.now_us
    cdef Line line = line_of(self, x.asked.group)
    cdef Caller caller = line_caller(line, x.caller, x.priority)
    cdef Exchange displaced = None
    cdef bint first = x.queued_us != 0
    if not first and x.deadline_us == 0:
        x.deadline_us = now + (x.wanted_timeout_us if x.wanted_timeout_us else longest_timeout_us(self, x.group))
    if is_too_long(self, x, line, None if first else caller):
        return queue_full(self, x)
    if not first:
        if self.queued >= self.queue_limit:
            displaced = displace(self, caller)
            if displaced is None:
                x.retry_after_s = retry_after(self, x.choice.turn_s)
                return queue_full(self, x)
        x.queued_us = now
        self.places += 1
        x.place = self.places
    if displaced is not None:
        displaced.displaced = True
        call_up(self, displaced)
    line_join(line, caller, x, now)
    x.queued = x.counted = True
    self.queued += 1
    fleet_hold(self.fleet, x.choice.deployment, 1)
    show_oldest(self, x.asked.group, line)
    # Before whoever ends a request now looks for those who wait, or after: one of both sees the other.
    fg_fence()
    if x.choice.until_us == 0 and line_next(line, now).oldest is x and fleet_has_room(self.fleet, x.choice.deployment):
        if fleet_oldest_lane(self.fleet, x.asked.group) == self.fleet.lane:
            return let_in(self, x.asked.group)
    return watch_queued(self, x)


cdef Line line_of(GatewayService self, int group):
    cdef Line line = self.queues.get(group)
    if line is None:
        line = self.queues[group] = line_open(self.fleet, group, self.aging_us)
    return line


cdef double expected_wait(GatewayService self, Exchange x, Line line, Caller caller) except -1:
    """Return the seconds until a request of *caller* that comes now has its turn, as far as can be told; None: it is the next."""
    cdef double wait = max(0.0, (x.choice.until_us - self.poller.now_us) * 1e-6)
    cdef int64_t held, ahead
    if x.choice.cold:
        return wait
    wait = max(wait, x.choice.first_s)
    if caller is not None:
        held = lanes_sum(lane_of(self.fleet, x.choice.deployment, LANE_HELD), self.fleet.lanes)
        # The lines of other workers are taken to be like this one.
        ahead = line_ahead(line, caller, self.poller.now_us)
        wait += x.choice.turn_s * (held * ahead / <double>line.waiting if line.waiting else <double>held)
    return wait


cdef bint is_too_long(GatewayService self, Exchange x, Line line, Caller caller) except -1:
    """Whether a request would wait longer than it may, or too long for its own deadline; then its retry_after_s is set."""
    cdef int64_t now = self.poller.now_us
    cdef double wait = expected_wait(self, x, line, caller)
    cdef double left = (x.deadline_us - now) * 1e-6 - (0 if x.choice.cold else x.choice.alone_s)
    cdef double waited = (now - x.queued_us) * 1e-6 if x.queued_us else 0
    cdef double most = self.queue_us * 1e-6
    if not x.choice.cold and caller is not None:
        # On top of what a provider asks to wait.
        most = min(most, max(0.0, (x.choice.until_us - now) * 1e-6) + max(self.queue_least_us * 1e-6, self.queue_times * x.choice.alone_s))
    if wait <= left and wait + waited <= most:
        return False
    x.retry_after_s = retry_after(self, max(wait - left, wait + waited - most))
    return True


cdef int retry_after(GatewayService self, double seconds) except -1:
    """Return what to say of when to come again: the seconds until a request like this one would be taken, by prediction."""
    cdef int64_t whole = <int64_t>(min(seconds, 86400.0) + 0.999)
    if whole > RETRY_LAST_S:
        return <int>whole
    return <int>max(whole, RETRY_FIRST_S + <int64_t>(fleet_random(self.fleet) * (RETRY_LAST_S - RETRY_FIRST_S + 1)))


cdef Exchange displace(GatewayService self, Caller caller):
    """Return the request whose place one more of *caller* may have; None: there is none.

    It is the youngest of whoever is least important; among those of one priority of whoever has most, if that is more than *caller* has.
    """
    cdef Caller worst = None, found
    for line in self.queues.values():
        found = line_worst(<Line>line)
        if found is not None and (worst is None or (found.priority, found.waiting) > (worst.priority, worst.waiting)):
            worst = found
    if worst is None or worst.priority < caller.priority or worst.priority == caller.priority and worst.waiting <= caller.waiting + 1:
        return None
    return worst.newest


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
    enqueue(self, x)
    return 1


cdef inline void wait_is_over(Exchange x, int64_t now) noexcept:
    x.waited_us = waited_until(x, now)
    x.queued_us = x.turn_us = 0


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
    cdef Line line = x.caller_line.line
    line_leave(line, x, self.poller.now_us)
    x.queued = False
    self.queued -= 1
    return show_oldest(self, line.group, line)


cdef int show_oldest(GatewayService self, int group, Line line) except -1:
    """Show all workers the rank of whoever is next here."""
    cdef Caller caller = line_next(line, self.poller.now_us)
    fg_put(group_lane_of(self.fleet, group, GROUP_LANE_OLDEST) + self.fleet.lane,
           0 if caller is None else rank_of(line, caller, self.poller.now_us))
    return 0


cdef int released(GatewayService self, int group) except -1:
    """A request of the group is over: whoever is next, in whichever worker, has its turn."""
    cdef int lane = fleet_oldest_lane(self.fleet, group)
    if lane < 0:
        return 0
    if lane == self.fleet.lane:
        return let_in(self, group)
    if lane < len(self.wakers):
        wake_fd(self.wakers[lane])
    return 0


cdef int let_in(GatewayService self, int group) except -1:
    """Let the next of a group be looked at when the batch is over."""
    cdef Line line = self.queues.get(group)
    return call_up(self, line_next(line, self.poller.now_us).oldest) if line is not None and line.waiting else 0


cdef int call_up(GatewayService self, Exchange x) except -1:
    """Let a request that waits be looked at when the batch is over."""
    if not x.displaced:
        line_charge(x.caller_line.line, x)
    leave_line(self, x)
    x.again = x.waking = True
    self.poller.again.append(x)
    return 0


cdef int look_by_itself(GatewayService self, Exchange x) except -1:
    """Nobody has called it up for a while: the next looks again, and this one if it could go where that one cannot."""
    cdef int64_t now = self.poller.now_us
    cdef Exchange oldest = line_next(x.caller_line.line, now).oldest
    call_up(self, oldest)
    if oldest is x:
        return 0
    if now >= x.deadline_us or now >= x.queued_us + self.queue_us or not is_alike(x, oldest):
        return call_up(self, x)
    # Told of by the next from here on.
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
    if x.displaced:
        x.retry_after_s = retry_after(self, 0)
        return queue_full(self, x)
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


cdef int queue_full(GatewayService self, Exchange x) except -1:
    """Refuse a request that would wait too long; its retry_after_s says when it would not. Return 1."""
    x.displaced = False
    wait_is_over(x, self.poller.now_us)
    if fall_back(self, x, FAILURE_UNAVAILABLE):
        return 1
    return self.refuse(x, "queue_full", f"all deployments of the model are busy; come again in {x.retry_after_s} s")


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
