# Which deployments are left alone for a while, because they failed a moment ago.
# Rule 1: only what a deployment did counts; a request that is wrong in itself says nothing against it.
# Rule 2: whoever was out is tried by one request before the others come back.
# Rule 3: nobody is out when all are: `pick` asks them all the same.

cdef enum:
    # After 429: doubled with each one in a row, unless the answer says how long.
    RATE_LIMIT_OUT_US = 500000
    RATE_LIMIT_OUT_MOST_US = 30000000
    # A Retry-After is believed up to half an hour.
    TOLD_OUT_MOST_US = 1800000000
    # After the second failure in a row it is twice this, and doubles.
    FAILURE_OUT_US = 250000
    # Its bound lies between these: quick failures are cheap to try again, timeouts are not.
    FAILURE_OUT_LEAST_BOUND_US = 2000000
    FAILURE_OUT_MOST_BOUND_US = 60000000
    # A refused key does not get better by waiting.
    KEY_OUT_US = 60000000
    MINUTE_US = 60000000


cdef inline bint is_out(Deployment self, int64_t now) noexcept:
    return self.out_until_us != 0 and (self.half_open or now < self.out_until_us)


cdef inline bint is_cleared(Deployment self, int64_t asked_us) noexcept:
    """Whether something is held against it that a good answer to what was asked at *asked_us* clears."""
    return (self.failures or self.rate_limits or self.out_until_us) and asked_us >= self.out_since_us


cdef void note_success(Deployment self) noexcept:
    """It answered: it is in service."""
    self.failures = self.rate_limits = 0
    self.out_until_us = 0
    self.half_open = False


cdef int note_failure(Deployment self, int failure, int64_t took_us, int64_t retry_after_us, int64_t now) noexcept:
    """Count a failure of the class FAILURE_*, which took *took_us*; *retry_after_us* 0: it was not said how long to wait."""
    cdef int64_t bound
    if failure < FAILURE_KEY:
        # It judged the request: it is in service, unless it is out for what others asked.
        if now >= self.out_until_us:
            self.out_until_us = 0
        return 0
    self.t_fail_us = took_us if self.t_fail_us == 0 else (3 * self.t_fail_us + took_us) // 4
    if failure == FAILURE_RATE_LIMIT:
        self.rate_limits += 1
        if retry_after_us:
            return put_out(self, now, min(retry_after_us, TOLD_OUT_MOST_US))
        return put_out(self, now, doubled(RATE_LIMIT_OUT_US, self.rate_limits - 1, RATE_LIMIT_OUT_MOST_US, self.cooldown_us))
    self.failures += 1
    if now - self.minute_us > MINUTE_US:
        self.minute_us = now
        self.failures_in_minute = 0
    self.failures_in_minute += 1
    if failure == FAILURE_KEY:
        return put_out(self, now, self.cooldown_us if self.cooldown_us >= 0 else KEY_OUT_US)
    if self.failures_in_minute <= self.allowed_fails if self.allowed_fails >= 0 else self.failures < 2:
        return 0
    bound = max(FAILURE_OUT_LEAST_BOUND_US, min(50 * self.t_fail_us, FAILURE_OUT_MOST_BOUND_US))
    return put_out(self, now, doubled(FAILURE_OUT_US, self.failures - 1, bound, self.cooldown_us))


cdef inline int64_t doubled(int64_t first_us, int times, int64_t most_us, int64_t given_us) noexcept:
    """Return what is configured, else *first_us* doubled so many times, up to *most_us*."""
    return given_us if given_us >= 0 else min(first_us << min(times, 20), most_us)


cdef inline int put_out(Deployment self, int64_t now, int64_t span_us) noexcept:
    if span_us and not self.never_out:
        self.out_since_us = now
        self.out_until_us = max(self.out_until_us, now + span_us)
    return 0


cdef int begin_probe(Exchange x, int64_t now) noexcept:
    """The request goes to a deployment that is or was out: others wait for what becomes of it."""
    if not x.deployment.half_open:
        x.deployment.half_open = x.probing = True
    return 0


cdef inline int end_probe(Exchange x) noexcept:
    if x.probing:
        x.probing = False
        x.deployment.half_open = False
    return 0
