# Deployments that fail: how likely the next request succeeds, and until when a deployment is not asked at all.

# Rule 1: only what a deployment did counts; a request that is wrong in itself says nothing against it.
# Rule 2: whoever was ejected is tried by one request before the others come back.
# Rule 3: nobody is out when all are: then all are asked.

cdef enum:
    # Failures in a row that eject, if the configuration does not say; a single one is only less likely to be asked.
    EJECT_FAILURES = 2
    EJECT_FIRST_US = 250000
    # A refused key does not get better by waiting.
    KEY_OUT_US = 60000000
    LIMITED_FIRST_US = 500000
    LIMITED_LONGEST_US = 30000000
    # A Retry-After is believed up to half an hour.
    RETRY_AFTER_LONGEST_US = 1800000000
    PACED_LONGEST_US = 15000000
    # Requests behind a 429 that are paced, each less than the one before, and those of an idle time that may come at once.
    PACED_REQUESTS = 100
    PACED_LATE = 4
    PACED_BURST = 4
    PROBE_SHORTEST_US = 5000000
    PROBE_LONGEST_US = 60000000
    # No model is unloaded after less.
    UNLOAD_SHORTEST_US = 5000000

# How much of the longest interval between two 429s is still believed at the next.
cdef double RETRY_MEMORY = 0.97
# How much is believed of a pace that is slower than the one before.
cdef double PACE_DOUBT = 0.05
# A chance of success recovers by itself: an e-th of the doubt is left after so many seconds.
cdef double DOUBT_S = 10


cdef inline double failing_of(const int64_t *known, int64_t now_us) noexcept:
    """Return how likely the next request fails."""
    cdef double failing = fg_get_real(known + KNOWN_FAILING)
    if failing <= 0:
        return 0
    return failing * exp((fg_get(known + KNOWN_FAILED_US) - now_us) * 1e-6 / DOUBT_S)


cdef void set_failing(int64_t *known, double failing, int64_t now_us) noexcept:
    fg_put_real(known + KNOWN_FAILING, failing if failing > 1e-6 else 0)
    fg_put(known + KNOWN_FAILED_US, now_us)


cdef void note_success(Fleet self, int deployment, int64_t asked_us, int64_t now_us) noexcept:
    """What was asked at *asked_us* had a good answer."""
    cdef int64_t *known = known_of(self, deployment)
    cdef double failing = failing_of(known, now_us)
    if failing > 0:
        set_failing(known, failing * 0.8, now_us)
    if fg_get(known + KNOWN_EJECTED) and asked_us < fg_get(known + KNOWN_OUT_SINCE_US):
        return
    if fg_get(known + KNOWN_FAILURES):
        fg_put(known + KNOWN_FAILURES, 0)
        fg_put(known + KNOWN_EJECTED, 0)
        if fg_get(known + KNOWN_LIMITED) == 0:
            fg_put(known + KNOWN_OUT_UNTIL_US, 0)
    if fg_get(known + KNOWN_LIMITED) and now_us >= fg_get(known + KNOWN_OUT_UNTIL_US):
        fg_put(known + KNOWN_LIMITED, 0)


cdef void note_limited(Fleet self, int deployment, int64_t retry_after_us, int64_t now_us) noexcept:
    """A 429: nothing is asked until the provider says so; its answers are no worse for that."""
    cdef const Member *m = &self.members[deployment]
    cdef int64_t *known = known_of(self, deployment)
    cdef int64_t count = fg_get(known + KNOWN_LIMITED)
    cdef int64_t until = fg_get(known + KNOWN_OUT_UNTIL_US)
    cdef int64_t span = min(retry_after_us, <int64_t>RETRY_AFTER_LONGEST_US)
    # It was not admitted.
    cdef int64_t admitted = fg_get(known + KNOWN_ADMITTED) - 1
    if m.never_out:
        return
    if span <= 0:
        span = min(<int64_t>LIMITED_FIRST_US << min(count, <int64_t>6), <int64_t>LIMITED_LONGEST_US)
        if m.cooldown_us >= 0:
            span = m.cooldown_us
        if span == 0:
            return
    if retry_after_us > 0 and now_us >= fg_get(known + KNOWN_SPENT_US):
        learn_pace(known, admitted, now_us + span)
    else:
        fg_put(known + KNOWN_ADMITTED, max(<int64_t>0, admitted))
    # Those that were on their way when it was ejected tell nothing more.
    if now_us >= until or count == 0:
        fg_put(known + KNOWN_LIMITED, count + 1)
    elif retry_after_us <= 0:
        return
    # A limit that refills steadily names what is left of an interval: the longest of late is nearest to all of it.
    if retry_after_us > 0:
        fg_put(known + KNOWN_RETRY_US, max(span, <int64_t>(fg_get(known + KNOWN_RETRY_US) * RETRY_MEMORY)))
    else:
        fg_put(known + KNOWN_RETRY_US, 0)
    fg_put(known + KNOWN_OUT_UNTIL_US, max(until, now_us + span))


cdef void learn_pace(int64_t *known, int64_t admitted, int64_t until_us) noexcept:
    """Learn from a 429 that names *until_us*: between two such points a limit in use admits what refills in between."""
    cdef int64_t spent_us = fg_get(known + KNOWN_SPENT_US)
    cdef int64_t before = fg_get(known + KNOWN_PACE_US)
    cdef int64_t pace
    if spent_us and 0 < admitted <= PACED_REQUESTS:
        pace = (until_us - spent_us) // admitted
        # What refilled while nothing was asked for may have been lost: it is no slower than that.
        if 0 < before < pace:
            pace = before + <int64_t>((pace - before) * PACE_DOUBT)
        fg_put(known + KNOWN_PACE_US, pace)
    fg_put(known + KNOWN_SPENT_US, until_us)
    fg_put(known + KNOWN_ADMITTED, 0)


cdef inline int64_t pace_of(const int64_t *known) noexcept:
    """Return the us between two requests that a learned limit is taken to admit; 0: no limit."""
    cdef int64_t pace = fg_get(known + KNOWN_PACE_US)
    if pace:
        # Slower than learned at first, so that what was asked too early is made good; then faster, to find out whether there is more.
        return <int64_t>(pace * max(0.0, 1 + (PACED_LATE - fg_get(known + KNOWN_ADMITTED)) / <double>PACED_REQUESTS))
    return fg_get(known + KNOWN_RETRY_US) if fg_get(known + KNOWN_LIMITED) else 0


cdef inline void pace_limited(int64_t *known, int64_t now_us) noexcept:
    """Ask once per interval where a 429 has shown a short one."""
    cdef int64_t span = pace_of(known)
    if fg_get(known + KNOWN_SPENT_US):
        fg_put(known + KNOWN_ADMITTED, fg_get(known + KNOWN_ADMITTED) + 1)
    if 0 < span <= PACED_LONGEST_US:
        fg_put(known + KNOWN_OUT_UNTIL_US, max(fg_get(known + KNOWN_OUT_UNTIL_US), now_us - PACED_BURST * span) + span)


cdef void note_failure(Fleet self, int deployment, int failure, double took_s, int64_t now_us) noexcept:
    """A failure of the deployment's own, FAILURE_KEY or later, that is no 429."""
    cdef const Member *m = &self.members[deployment]
    cdef int64_t *known = known_of(self, deployment)
    cdef double fail_s = fg_get_real(known + KNOWN_FAIL_S)
    cdef int64_t count = fg_get(known + KNOWN_FAILURES) + 1
    cdef int64_t minute = now_us // (60 * MICROSECONDS)
    cdef int64_t longest
    fail_s = fail_s + 0.3 * (took_s - fail_s) if fail_s > 0 else max(took_s, 1e-3)
    fg_put_real(known + KNOWN_FAIL_S, fail_s)
    set_failing(known, 1 - (1 - failing_of(known, now_us)) * 0.7, now_us)
    use_add(known + KNOWN_MINUTE_FAILURES, minute, 1)
    if fg_get(known + KNOWN_EJECTED) and now_us < fg_get(known + KNOWN_OUT_UNTIL_US):
        return
    fg_put(known + KNOWN_FAILURES, count)
    if failure == FAILURE_KEY:
        eject(self, deployment, m.cooldown_us if m.cooldown_us >= 0 else KEY_OUT_US, now_us)
    elif use_now(known + KNOWN_MINUTE_FAILURES, minute) > m.allowed_fails if m.allowed_fails >= 0 else count >= EJECT_FAILURES:
        # What fails fast costs little to ask again.
        longest = <int64_t>(max(2.0, min(50 * fail_s, 60.0)) * MICROSECONDS)
        eject(self, deployment,
              m.cooldown_us if m.cooldown_us >= 0 else min(<int64_t>EJECT_FIRST_US << min(count - 1, <int64_t>10), longest), now_us)


cdef void eject(Fleet self, int deployment, int64_t span_us, int64_t now_us) noexcept:
    cdef int64_t *known = known_of(self, deployment)
    if span_us > 0 and not self.members[deployment].never_out:
        fg_put(known + KNOWN_EJECTED, 1)
        fg_put(known + KNOWN_OUT_SINCE_US, now_us)
        fg_put(known + KNOWN_OUT_UNTIL_US, max(fg_get(known + KNOWN_OUT_UNTIL_US), now_us + span_us))


cdef inline bint is_out(const int64_t *known, int64_t now_us) noexcept:
    return fg_get(known + KNOWN_OUT_UNTIL_US) > now_us


cdef inline bint is_probed(const int64_t *known) noexcept:
    """Whether it was ejected for failures, so that one request has to find out how it is."""
    return fg_get(known + KNOWN_EJECTED) != 0
