# Hedges: a request that waits unusually long for its first content is asked for at another deployment too; the first to say something
# answers. The second attempt is an exchange of its own that has no caller, the *rival* of the one that has: whichever wins takes the
# caller.
# Rule 1: nothing was sent yet, so neither knows of the other; to commit, to fail and to be gone are the only places where they meet.
# Rule 2: a request has one hedge at the most, and all workers together ask for no more of them than the budget has earned.
# Rule 3: whoever loses is cancelled at once: its connection is closed, its ticket too.

cdef enum:
    # Of a group, behind its lanes: millionths of hedges that may be asked for. What a quiet time earns is kept up to HEDGE_BURST hedges.
    HEDGE_WHOLE = 1000000
    HEDGE_BURST = 100
    # Of a deployment, behind its use: answers by the time to their first content, in quarters of an octave from 1 ms, for four kinds of
    # streams and four of answers that come whole.
    FIRST_BUCKETS = 80
    FIRST_KINDS = 8
    FIRST_SHORTEST_US = 1000
    FIRST_OCTAVE = 4
    # What takes longer than 2^2.5 = 5.7 times the median has stalled, and says nothing of how long answers take.
    FIRST_STALLED = 10
    # Answers of a kind that are seen before a quantile of them is believed, and how many are remembered.
    FIRST_LEAST = 20
    FIRST_REMEMBERED = 256


# --- what all workers share

cdef inline int64_t *budget_of(Fleet self, int group) noexcept:
    return group_lane_of(self, group, GROUP_LANE_KINDS)


cdef int64_t *firsts_of(Fleet self, const Ticket *t) noexcept:
    """Return the counts of answers like the ticket's: what a stream waits for is its prompt, a whole answer is as long as it may be."""
    cdef int kind
    if t.whole:
        kind = 4 if t.max_tokens <= 0 else 5 if t.max_tokens <= 64 else 6 if t.max_tokens <= 1024 else 7
    else:
        kind = 0 if t.prompt_tokens < 1000 else 1 if t.prompt_tokens < 8000 else 2 if t.prompt_tokens < 64000 else 3
    return use_of(self, t.deployment) + USE_WORDS + kind * FIRST_BUCKETS


cdef void hedge_earn(Fleet self, int group, int64_t millionths) noexcept:
    """Let one more request pay for hedges."""
    cdef int64_t *word = budget_of(self, group)
    cdef int64_t seen = fg_get(word)
    while seen < HEDGE_BURST * HEDGE_WHOLE:
        if fg_replace(word, seen, min(seen + millionths, <int64_t>HEDGE_BURST * HEDGE_WHOLE)):
            return
        seen = fg_get(word)


cdef bint hedge_spend(Fleet self, int group) noexcept:
    """Take one hedge's worth, if it is there."""
    cdef int64_t *word = budget_of(self, group)
    cdef int64_t seen = fg_get(word)
    while seen >= HEDGE_WHOLE:
        if fg_replace(word, seen, seen - HEDGE_WHOLE):
            return True
        seen = fg_get(word)
    return False


cdef inline bint hedge_left(Fleet self, int group) noexcept:
    return fg_get(budget_of(self, group)) >= HEDGE_WHOLE


cdef void first_learn(int64_t *seen, int64_t took_us) noexcept:
    """Learn from an answer whose first content took so long."""
    cdef double total = 0
    cdef int at = <int>(log(max(took_us, <int64_t>FIRST_SHORTEST_US) / <double>FIRST_SHORTEST_US) / log(2.0) * FIRST_OCTAVE)
    at = min(at, FIRST_BUCKETS - 1)
    fg_put_real(seen + at, fg_get_real(seen + at) + 1)
    for at in range(FIRST_BUCKETS):
        total += fg_get_real(seen + at)
    if total > FIRST_REMEMBERED:
        for at in range(FIRST_BUCKETS):
            fg_put_real(seen + at, fg_get_real(seen + at) * 0.5)


cdef double place_of(const int64_t *seen, int buckets, double share) noexcept:
    """Return where in the first *buckets* this *share* of what is in them is reached, the fraction of a bucket included."""
    cdef double total = 0, below = 0, count
    cdef int at
    for at in range(buckets):
        total += fg_get_real(seen + at)
    for at in range(buckets):
        count = fg_get_real(seen + at)
        if count > 0 and below + count >= total * share:
            return at + (total * share - below) / count
        below += count
    return buckets


cdef int64_t first_within(const int64_t *seen, double quantile) noexcept:
    """Return the us within which *quantile* of the answers had their first content; 0: too few were seen."""
    cdef double total = 0
    cdef int at, ordinary
    for at in range(FIRST_BUCKETS):
        total += fg_get_real(seen + at)
    if total < FIRST_LEAST or total * (1 - quantile) < 0.999:
        return 0
    ordinary = min(<int>place_of(seen, FIRST_BUCKETS, 0.5) + FIRST_STALLED + 1, FIRST_BUCKETS)
    return <int64_t>(FIRST_SHORTEST_US * pow(2.0, place_of(seen, ordinary, quantile) / FIRST_OCTAVE))


# --- the request

cdef inline bint is_hedge(Exchange x) noexcept:
    """Whether this is the second of two attempts: it has no caller unless it wins."""
    return x.rival is not None and x.client is None


cdef int arm_hedge(GatewayService self, Exchange x) except -1:
    """The first attempt begins: say when another deployment is asked too, and let the request pay for hedges."""
    cdef int64_t within
    if x.pinned or x.last or x.hedge_deployment is not None or not is_repeatable(x.operation):
        return 0
    if not x.hedgeable:
        x.hedgeable = True
        hedge_earn(self.fleet, x.asked.group, self.hedge_millionths)
    if len(x.group.deployments) < 2:
        return 0
    within = first_within(firsts_of(self.fleet, &x.ticket), self.hedge_quantile)
    if within:
        x.hedge_us = x.attempt_us + within
    return 0


cdef int watch_attempt(Exchange x) except -1:
    """Set the caller's deadline: when the attempt must be over, or before that its hedge, or when it has to be asked for one."""
    cdef int64_t until = x.attempt_until_us
    # While an earlier answer is being sent the deadline is the sending's too: it may only be one that ends the connection.
    if buffer_len(&x.client.out) == 0:
        if x.hedge_us:
            until = min(until, x.hedge_us)
        if x.rival is not None:
            until = min(until, x.rival.attempt_until_us)
    return set_deadline(x.client, until)


cdef int hedge_due(GatewayService self, Exchange x) except -1:
    """The caller's deadline has come. Return 1 if it was a matter of the hedge, and not the end of the attempt."""
    cdef int64_t now = self.poller.now_us
    cdef Exchange hedge
    if x.hedge_us and now >= x.hedge_us:
        # If there is none to be had: once more after as long again.
        x.hedge_us = now + now - x.attempt_us
        if now < x.attempt_until_us and begin_hedge(self, x):
            return 1
    hedge = x.rival
    if hedge is not None and now >= x.deadline_us:
        drop_hedge(x)
    elif hedge is not None and now >= hedge.attempt_until_us:
        relay_fault(hedge, "upstream_timeout", "no complete answer within its deployment's time limit")
    if now >= x.attempt_until_us:
        return 0
    watch_attempt(x)
    return 1


cdef int begin_hedge(GatewayService self, Exchange x) except -1:
    """Ask another deployment too. Return 0 if none can be asked now, or no hedge was earned."""
    cdef Exchange hedge
    if x.head_sent or not hedge_left(self.fleet, x.asked.group):
        return 0
    if self.poller.exchanges >= self.request_limit or self.bodies_bytes + x.bytes_in > self.bodies_limit:
        # Room for another caller is worth more.
        return 0
    hedge = twin(x)
    if pick(self, hedge, x.group, hedge.tried):
        return 0
    if not hedge_spend(self.fleet, x.asked.group):
        mirror_cancel(self.mirror, &hedge.mirrored)
        return 0
    self.poller.exchanges += 1
    hedge.body_bytes_held = buffer_len(&hedge.body)
    self.bodies_bytes += hedge.body_bytes_held
    x.hedge_us = 0
    hedge.rival = x
    x.rival = hedge
    hedge.first_deployment = x.first_deployment = x.deployment
    hedge.hedge_deployment = x.hedge_deployment = hedge.deployment
    try:
        self.ask(hedge)
    except Exception as error:
        if self.poller.on_exception is not None:
            self.poller.on_exception(error)
        hedge_broke(hedge)
    return 1


cdef int hedge_broke(Exchange hedge) except -1:
    """A bug of ours ends the hedge alone."""
    if is_hedge(hedge):
        rival_goes_on(hedge, FAILURE_NONE, 0)
    return 0


cdef inline int buffer_copy(Buffer *b, const Buffer *other) except -1:
    return buffer_append(b, other.data + other.start, other.end - other.start) if other.data != NULL else 0


cdef Exchange twin(Exchange x):
    """Return the request once more, as it was before its attempt, without the caller."""
    cdef Exchange t = Exchange.__new__(Exchange)
    cdef Buffer *body = &x.original if x.original.data != NULL else &x.body
    t.service = x.service
    t.operation = x.operation
    t.request_id = x.request_id
    t.query = x.query
    t.path_id = x.path_id
    t.path_model = x.path_model
    t.has_version = x.has_version
    t.content_type = x.content_type
    t.accept_encoding = x.accept_encoding
    t.origin = x.origin
    t.requested_fields = x.requested_fields
    t.wanted_model = x.wanted_model
    t.caller = x.caller
    t.priority = x.priority
    t.tags = x.tags
    t.session_id = x.session_id
    t.group = x.group
    t.model = x.model
    t.wanted_retries = x.wanted_retries
    t.wanted_timeout_us = x.wanted_timeout_us
    t.turn_timeout_us = x.turn_timeout_us
    t.wishes = x.wishes
    t.deadline_us = x.deadline_us
    t.retries = x.retries
    t.retries_in_all = x.retries_in_all
    t.rounds = x.rounds
    t.fallbacks = x.fallbacks
    t.cause = x.cause
    t.cause_message = x.cause_message
    t.override = x.override
    t.hedgeable = True
    t.tried = [x.deployment] if x.tried is None else x.tried + [x.deployment]
    t.unable = None if x.unable is None else list(x.unable)
    t.upstream_length = -1
    t.started_us = x.started_us
    t.complete_us = x.complete_us
    t.waited_us = x.waited_us
    # What it waited for the first is no overhead.
    t.overhead_us = max(x.overhead_us, <int64_t>1)
    t.bytes_in = x.bytes_in
    buffer_copy(&t.fields, &x.fields)
    buffer_copy(&t.body, body)
    t.scan = x.scan
    t.stream = x.stream
    if t.operation.body == 1:
        scan_request(&t.scan, t.body.data, t.body.end)
        restore_body(t)
        if t.override is not None:
            replace_body(t, t.override)
    return t


cdef int rival_goes_on(Exchange x, int failure, int64_t retry_after_us) except -1:
    """One of two attempts failed. Return 1 if the other is the request's now; 0 if what failed is the request itself."""
    cdef Exchange rival = x.rival
    if x.client is not None and FAILURE_CALLER <= failure < FAILURE_KEY:
        drop_hedge(x)
        return 0
    if failure != FAILURE_NONE:
        ticket_failed(x.service, x, failure, retry_after_us)
        if x.attempts == x.attempts_before:
            # It was lost on the way to a connection.
            x.attempts += 1
    # What it said in this turn goes with it.
    gather_start(&x.service.poller.gather)
    if x.client is not None:
        take_client(rival)
        return 1
    rival.tried = [x.deployment] if rival.tried is None else rival.tried + [x.deployment]
    if x.attempts == 0:
        # The request cannot be said in its deployment's words: nobody was asked.
        rival.first_deployment = rival.hedge_deployment = None
        hedge_earn(x.service.fleet, x.asked.group, HEDGE_WHOLE)
    drop_hedge(rival)
    return watch_attempt(rival) + 1


cdef int settle_hedge(Exchange x) except -1:
    """The answer begins: nobody else is asked any more, and how long it took is learned."""
    cdef Fleet fleet = x.service.fleet
    if x.rival is not None:
        drop_hedge(x)
    x.hedge_us = 0
    watch_attempt(x)
    # Of a hedge only the fast ones are seen.
    if x.ticket.open and x.status < 400 and x.deployment is not x.hedge_deployment:
        first_learn(firsts_of(fleet, &x.ticket), x.service.poller.now_us - x.ticket.dispatched_us)
    return 0


cdef ClientConnection take_client(Exchange hedge):
    """The hedge is the request now; the attempt that had the caller is over."""
    cdef Exchange first = hedge.rival
    cdef ClientConnection client = first.client
    hedge.client = client
    client.attached = hedge
    first.client = None
    retire(first, hedge)
    watch_attempt(hedge)
    return client


cdef int drop_hedge(Exchange x) except -1:
    """The request goes on without its hedge."""
    return retire(x.rival, x)


cdef int retire(Exchange x, Exchange rival) except -1:
    """Be done with the attempt of *x*; *rival* is what is left of the request."""
    x.rival = rival.rival = None
    x.closed = True
    let_go(x)
    ticket_failed(x.service, x, FAILURE_CANCELLED, 0)
    rival.attempts += x.attempts
    rival.attempts_before += x.attempts
    x.holding = x.authorizing = False
    x.service.poller.exchanges -= 1
    body_let_go(x)
    exchange_free(x)
    return 0
