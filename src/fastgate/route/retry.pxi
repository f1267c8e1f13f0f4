# What becomes of a request whose attempt failed: it is made again elsewhere, or after a wait, or of another model.
# Rule 1: only while nothing was sent to the caller; the body as it came is kept for that long.
# Rule 2: first a deployment of the group that has not failed yet, at once; then all of them again, after a wait; then the fallbacks.
# Rule 3: one deadline for everything: no wait goes beyond it.
# Rule 4: a request is never made again from within the failure: the poller takes it up when the batch is over.

cdef enum:
    # Nobody waits longer to ask again; shorter waits than the first bound come before a fallback.
    WAIT_MOST_US = 60000000
    WAIT_BEFORE_FALLBACK_US = 8000000


cdef inline int begin_attempt(GatewayService self, Exchange x) except -1:
    """The chosen deployment is about to be asked. Return 1 if the request is held back after all."""
    cdef int64_t now = self.poller.now_us
    cdef Deployment deployment = x.deployment
    if not open_ticket(self, x):
        return rival_goes_on(x, FAILURE_NONE, 0) if is_hedge(x) else hold_back(self, x)
    wait_is_over(x, now)
    x.attempt_us = now
    x.attempts_before = x.attempts
    if x.deadline_us == 0:
        x.deadline_us = now + (x.wanted_timeout_us if x.wanted_timeout_us else max(self.timeout_us, deployment.timeout_us))
    x.attempt_until_us = min(x.deadline_us, now + (x.turn_timeout_us if x.turn_timeout_us else deployment.timeout_us))
    x.hedge_us = 0
    if is_hedge(x):
        watch_attempt(x.rival)
        return 0
    if x.retries == 0:
        bring_part(self, x)
    if x.group.hedged:
        arm_hedge(self, x)
    watch_attempt(x)
    return 0


cdef int attempt_failed(Exchange x, int failure, int64_t retry_after_us, str cause, str message) except -1:
    """Return 1 if the request is made again, after which nothing of the attempt is left; 0 if the failure is its answer."""
    cdef GatewayService self = x.service
    cdef int64_t now = self.poller.now_us, wait
    cdef int limit
    cdef Deployment failed = x.deployment
    if x.rival is not None and rival_goes_on(x, failure, retry_after_us):
        return 1
    if failed is None or failure == FAILURE_NONE:
        return 0
    ticket_failed(self, x, failure, retry_after_us)
    if x.head_sent or x.last or x.closed or now >= x.deadline_us or not is_repeatable(x.operation):
        return 0
    x.cause = cause
    x.cause_message = message
    limit = failed.retries[failure]
    if x.wanted_retries >= 0 and failure >= FAILURE_KEY:
        limit = x.wanted_retries
    wait = wait_us(self, x, retry_after_us)
    if x.retries < limit and retry_after_us == 0 and not may_retry(self, x):
        limit = x.retries
    if x.retries < limit:
        if not x.pinned:
            if x.tried is None:
                x.tried = []
            x.tried.append(failed)
            if pick_another(self, x, failed):
                x.retries += 1
                x.retries_in_all += 1
                return 1
        if wait <= WAIT_BEFORE_FALLBACK_US and wait_and_retry(self, x, failure, wait):
            return 1
    if fall_back(self, x, failure):
        return 1
    return x.retries < limit and wait <= WAIT_MOST_US and wait_and_retry(self, x, failure, wait)


cdef int pick_another(GatewayService self, Exchange x, Deployment failed) except -1:
    """Let the request be made again at a deployment that was not tried yet. Return 0 if there is none that can be asked soon."""
    cdef int found = pick(self, x, x.group, x.tried)
    cdef Deployment chosen = x.deployment
    if found == PICK_NONE or found == PICK_HOLD and x.choice.until_us - self.poller.now_us > WAIT_BEFORE_FALLBACK_US:
        return 0
    # What is left of the attempt is the failed one's.
    x.deployment = failed
    again(x)
    if found == 0:
        x.deployment = chosen
        return 1
    # It is held back when the batch is over.
    x.waking = True
    return 1


cdef int pick_able(GatewayService self, Exchange x) except -1:
    """Let a request be made of another of its group, since its deployment cannot be asked for this. Return 0 if nobody is left."""
    cdef Deployment unable = x.deployment
    cdef int attempts = x.attempts
    ticket_failed(self, x, FAILURE_CANCELLED, 0)
    if x.pinned or not is_repeatable(x.operation):
        return 0
    if x.unable is None:
        x.unable = []
    x.unable.append(unable)
    if not pick_another(self, x, unable):
        return 0
    # It was never sent.
    x.attempts = attempts
    return 1


cdef inline bint is_repeatable(Operation operation) noexcept:
    """Whether an operation that failed may be asked for again: what makes or changes something by its id may not."""
    return operation.kind_bit or (operation.needs_model and not operation.makes_ids)


cdef int again(Exchange x) except -1:
    """Forget the attempt, and let the request be made again when the batch is over."""
    forget_attempt(x)
    x.again = True
    x.resume_us = 0
    x.service.poller.again.append(x)
    return 0


cdef int wait_and_retry(GatewayService self, Exchange x, int failure, int64_t wait) except -1:
    """Let the request be made again in its group after a wait. Return 0 if that makes no sense."""
    cdef int64_t now = self.poller.now_us
    if failure == FAILURE_KEY or now + wait >= x.deadline_us:
        return 0
    forget_attempt(x)
    x.again = True
    x.tried = None
    x.retries += 1
    x.retries_in_all += 1
    x.rounds += 1
    x.resume_us = now + wait
    set_deadline(x.client, x.resume_us)
    return 1


cdef int64_t wait_us(GatewayService self, Exchange x, int64_t retry_after_us) noexcept:
    """Return how long to wait before the group is asked again: exponential, with chance in it, and what the provider asks for."""
    cdef double wait = self.backoff_s, chance = fleet_random(self.fleet)
    cdef Deployment deployment
    cdef const int64_t *known
    cdef int i
    for i in range(min(x.rounds, 32)):
        wait *= self.backoff_factor
    wait = min(wait, self.backoff_limit_s)
    wait = max(wait * (1 + chance / 10 if self.backoff_exact else (1 + chance) / 2), self.backoff_least_s)
    if retry_after_us:
        for deployment in x.group.deployments:
            known = known_of(self.fleet, deployment.number)
            if deployment is not x.deployment and serves(deployment, x.operation) and not is_out(known, self.poller.now_us):
                # Another one may be asked sooner.
                return <int64_t>(wait * 1000000)
        retry_after_us += <int64_t>(chance * min(retry_after_us // 10, 500000))
    return max(<int64_t>(wait * 1000000), retry_after_us)


cdef int fall_back(GatewayService self, Exchange x, int failure) except -1:
    """Let the request be made again of the next model that stands in for this one. Return 0 if there is none."""
    cdef object found, fitting
    if not x.pinned and return_to_stable(self, x):
        return 1
    while not x.pinned:
        found = self.control.fall_back(x, failure)
        if found is None:
            return 0
        fitting = narrowed(self, x, <Group>found[0])
        if type(fitting) is tuple:
            continue
        if turn_to(self, x, <Group>fitting, found[1]):
            x.turn_timeout_us = found[2]
            x.wanted_retries = found[3]
            return 1
    return 0


cdef int turn_to(GatewayService self, Exchange x, Group group, bytes body) except -1:
    """Let the request be made again of another group, with another body if that is not None. Return 0 if nobody there can answer."""
    cdef Deployment failed = x.deployment, chosen
    cdef int found = pick(self, x, group, None)
    if found == PICK_NONE:
        return 0
    chosen = x.deployment
    x.override = body
    x.deployment = failed
    again(x)
    x.waking = found == PICK_HOLD
    x.group = group
    x.model = group.name
    if x.path_model is not None:
        x.path_model = group.name
    x.deployment = chosen
    x.tried = x.unable = None
    x.retries = x.rounds = 0
    x.fallbacks += 1
    return 1


cdef int forget_attempt(Exchange x) except -1:
    """Be as before the attempt: the provider is let go, what came of its answer is dropped, the body is what it was."""
    let_go(x)
    gather_start(&x.service.poller.gather)
    if x.attempt_us and x.attempts == x.attempts_before:
        # It was lost on the way to a connection.
        x.attempts += 1
    x.attempt_us = 0
    x.authorizing = False
    x.translation = None
    x.shape_before = x.shape_behind = x.shape_start = x.shape_end = None
    x.said = x.warnings = x.inserted = x.usage_text = None
    x.failure = x.param = None
    x.strip_usage = x.dropping_model = x.event_open = x.dropping_lf = x.terminated = x.complete = x.paused = x.holding = False
    x.framing = x.status = x.line = 0
    x.mode = MODE_RAW
    x.upstream_length = -1
    x.prefix_n = x.prefix_model = x.events = x.first_byte_us = 0
    memset(&x.answer, 0, sizeof(AnswerScan))
    memset(&x.search, 0, sizeof(EventSearch))
    buffer_free(&x.answer_head)
    buffer_free(&x.held)
    buffer_free(&x.early)
    return restore_body(x)


cdef int restore_body(Exchange x) except -1:
    """Take the body back that was there before one deployment or one fallback had its own made of it."""
    if x.original.data != NULL:
        buffer_free(&x.body)
        x.body = x.original
        memset(&x.original, 0, sizeof(Buffer))
        scan_request(&x.scan, x.body.data + x.body.start, buffer_len(&x.body))
    if x.operation.body == 1:
        x.stream = (x.scan.stream if x.scan.stream_is_bool else x.operation.stream_default) and x.operation.streams
    return 0


cdef int replace_body(Exchange x, bytes body) except -1:
    """Ask with another body; the one that came is kept. Return 0 or the fault that the scanner finds in it."""
    if x.original.data == NULL:
        x.original = x.body
        memset(&x.body, 0, sizeof(Buffer))
    buffer_free(&x.body)
    buffer_append(&x.body, <const uint8_t *>PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
    return scan_request(&x.scan, x.body.data, buffer_len(&x.body))


cdef int let_go(Exchange x) except -1:
    """Part from the provider's connection, which is of no use any more, or from the line of those who wait for one."""
    cdef UpstreamConnection upstream = x.upstream
    if upstream is not None:
        x.upstream = None
        upstream.exchange = None
        upstream_close(upstream)
        if upstream.pool.waiting:
            upstream.pool.dial_more()
    elif x.waiting:
        x.waiting = False
        x.deployment.pool.waiting.remove(x)
    return 0


cdef int make_again(Exchange x) except -1:
    """Make a request again whose attempt failed, or that had to wait."""
    cdef GatewayService self = x.service
    cdef int found, line = x.asked.group
    cdef bint had_turn = x.waking and x.queued_us != 0
    if x.closed or not x.again:
        # Its caller went away when its turn had come.
        return released(self, line) if had_turn else 0
    x.again = False
    if x.waking:
        if look_again(self, x):
            return 0
    elif x.resume_us:
        x.resume_us = 0
        found = PICK_NONE if x.pinned else pick(self, x, x.group, None)
        if found == PICK_HOLD:
            enqueue(self, x)
            return 0
        if found == PICK_NONE:
            take_deployment(self, x, x.group, x.deployment)
    if x.override is not None and replace_body(x, x.override):
        return self.refuse(x, "invalid_body", "the body that a fallback makes of the request is no JSON object")
    self.ask(x)
    # More than one slot may have become free, and be told of once.
    return released(self, line) if had_turn and not x.queued else 0


cdef int run_again(Poller self) except -1:
    """Make the requests again whose attempts failed in this batch."""
    cdef Exchange x
    cdef list due
    if self.handling:
        return 0
    while self.again:
        due = self.again
        self.again = []
        for x in due:
            try:
                make_again(x)
            except Exception as error:
                give_up(x.client, error)
    return 0


cdef tuple failure_of(Exchange x, str code, int status, bytes body):
    """Return the class of a failure and the microseconds that the provider asks to wait, 0 if it does not."""
    cdef bytes head = bytes_of(x.answer_head.data + x.answer_head.start, buffer_len(&x.answer_head)) if x.answer_head.data != NULL else b""
    return x.service.control.failure(code, status, head, body)
