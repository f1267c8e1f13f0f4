# The requests of one group that wait here, and whose turn is next.
# Rule 1: callers take turns, by start-time fair queueing over the work that each request is predicted to be: a caller with few requests
#   does not stand behind the thousand of another. Of one caller the oldest is next. To be called up in vain costs nothing.
# Rule 2: the smaller number of priority goes first. It is halved for each `aging` that a caller waits for its turn, so nobody starves.
# Rule 3: the clock of turns is the group's, of all workers together; one that has not waited for long has no credit from before.

cdef enum:
    # Priorities are below 1 << LEVEL_BITS; the rest of a rank is the start, in units of 1 << RANK_SHIFT us.
    RANK_BITS = 48
    RANK_SHIFT = 4
    # Callers without a request in the line that are kept, for each that has one, and beside that.
    KNOWN_CALLERS = 64


cdef class Caller:
    """The requests of one caller, of one priority."""


cdef class Line:
    """The requests of a group that wait in this worker. *aging_us*: after which time a priority counts as half of it."""


cdef Line line_open(Fleet fleet, int group, int64_t aging_us):
    cdef Line self = Line.__new__(Line)
    self.fleet = fleet
    self.group = group
    self.aging_us = max(<int64_t>1, aging_us)
    self.callers = []
    self.known = {}
    return self


cdef int64_t turns_clock(Line self) noexcept:
    """Return the group's virtual time: how far the turns have come in any worker."""
    cdef const int64_t *lanes = group_lane_of(self.fleet, self.group, GROUP_LANE_TURNS)
    cdef int64_t latest = 0
    cdef int lane
    for lane in range(self.fleet.lanes):
        latest = max(latest, fg_get(lanes + lane))
    return latest


cdef Caller line_caller(Line self, uint64_t who, int priority):
    """Return who a request of theirs would wait with."""
    cdef object key = (who, priority)
    cdef Caller caller = self.known.get(key)
    if caller is None:
        if len(self.known) > 2 * len(self.callers) + KNOWN_CALLERS:
            forget_callers(self)
        caller = Caller.__new__(Caller)
        caller.line = self
        caller.priority = priority
        self.known[key] = caller
    return caller


cdef int forget_callers(Line self) except -1:
    """Forget those who have no request here and would not have to wait for their turn."""
    cdef int64_t clock = turns_clock(self)
    cdef Caller caller
    for key, caller in list(self.known.items()):
        if caller.waiting == 0 and (not self.callers or caller.start_us <= clock):
            del self.known[key]
    return 0


cdef int line_join(Line self, Caller caller, Exchange x, int64_t now_us) except -1:
    """Let a request wait behind those of its caller; one that was called up in vain stands where it stood, and has its turn back."""
    cdef Exchange other = caller.newest
    if caller.waiting == 0:
        caller.start_us = max(caller.start_us, turns_clock(self))
        self.callers.append(caller)
    while other is not None and other.place > x.place:
        other = other.before
    x.caller_line = caller
    x.before = other
    x.behind = caller.oldest if other is None else other.behind
    if x.behind is None:
        caller.newest = x
    else:
        x.behind.before = x
    if other is None:
        caller.oldest = x
        caller.since_us = x.queued_us if x.turn_us else now_us
    else:
        other.behind = x
    caller.start_us = max(<int64_t>0, caller.start_us - x.turn_us)
    x.turn_us = 0
    caller.waiting += 1
    self.waiting += 1
    return 0


cdef int line_leave(Line self, Exchange x, int64_t now_us) except -1:
    """Take a request out; what its caller is owed stays as it is."""
    cdef Caller caller = x.caller_line
    if x.before is None:
        caller.oldest = x.behind
        caller.since_us = now_us
    else:
        x.before.behind = x.behind
    if x.behind is None:
        caller.newest = x.before
    else:
        x.behind.before = x.before
    x.before = x.behind = None
    x.caller_line = None
    caller.waiting -= 1
    self.waiting -= 1
    if caller.waiting == 0:
        self.callers.remove(caller)
    if self.waiting == 0:
        # Nobody was kept waiting by those who were here: no one has to make up for it.
        self.known.clear()
    return 0


cdef inline int64_t level_of(Line self, Caller caller, int64_t now_us) noexcept:
    """Return a priority as it counts after the wait for a turn."""
    return caller.priority >> min((now_us - caller.since_us) // self.aging_us, <int64_t>31)


cdef inline int64_t rank_of(Line self, Caller caller, int64_t now_us) noexcept:
    """Return a number that is least for whose turn is next, comparable between workers; never 0."""
    return (level_of(self, caller, now_us) << RANK_BITS | caller.start_us >> RANK_SHIFT & ((<int64_t>1 << RANK_BITS) - 1)) + 1


cdef Caller line_next(Line self, int64_t now_us):
    """Return the caller whose turn it is; None: nobody waits."""
    cdef Caller caller, found = None
    cdef int64_t rank, least = 0
    for caller in self.callers:
        rank = rank_of(self, caller, now_us)
        if found is None or rank < least or rank == least and caller.oldest.queued_us < found.oldest.queued_us:
            found = caller
            least = rank
    return found


cdef inline int64_t work_of(Line self, Exchange x) noexcept:
    """Return what a request is expected to be as work, in us.

    By the clock that all start with: what is learned of speeds meanwhile would make the same turn cheap for one and dear for another.
    """
    cdef double tokens = expected_left(self.fleet, self.group, 0, x.asked.max_tokens)
    return <int64_t>((DEFAULT_OVERHEAD_S + DEFAULT_PROMPT_S * x.asked.prompt_tokens + DEFAULT_TOKEN_S * tokens) * MICROSECONDS)


cdef int line_charge(Line self, Exchange x) except -1:
    """Let a caller pay for the turn of a request that waits; it does not leave the line by that."""
    cdef Caller caller = x.caller_line
    cdef int64_t clock = turns_clock(self)
    x.turn_us = work_of(self, x)
    # Time goes on by what each of those who wait has got, so that ever more newcomers do not hold it up.
    clock = max(caller.start_us, clock + x.turn_us // len(self.callers))
    fg_put(group_lane_of(self.fleet, self.group, GROUP_LANE_TURNS) + self.fleet.lane, clock)
    caller.start_us += x.turn_us
    return 0


cdef int64_t line_ahead(Line self, Caller mine, int64_t now_us) except -1:
    """Return how many of those who wait have their turn before one more request of *mine*."""
    cdef Caller caller
    cdef int64_t level = level_of(self, mine, now_us) if mine.waiting else mine.priority
    cdef int64_t other, ahead = 0
    for caller in self.callers:
        other = level_of(self, caller, now_us)
        if caller is mine or other < level:
            ahead += caller.waiting
        elif other == level:
            ahead += min(caller.waiting, mine.waiting + 1)
    return ahead


cdef Caller line_worst(Line self):
    """Return the least important of those who wait, and of these the one with most requests."""
    cdef Caller caller, worst = None
    for caller in self.callers:
        if worst is None or caller.priority > worst.priority or caller.priority == worst.priority and caller.waiting > worst.waiting:
            worst = caller
    return worst
