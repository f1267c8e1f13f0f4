# What tests, the simulator and a page of state see of a fleet: objects where the line has structs.

cdef dict FAILURES = {
    "server": FAILURE_SERVER,
    "timeout": FAILURE_TIMEOUT,
    "rate_limited": FAILURE_RATE_LIMIT,
    "key": FAILURE_KEY,
    "caller": FAILURE_CALLER,
    "cancelled": FAILURE_CANCELLED,
}


cdef class Attempt:
    """One request at one deployment, from `Fleet.dispatch`. Events behind its end are nothing."""

    def __dealloc__(self):
        if self.ticket.open:
            fleet_failed(self.fleet, &self.ticket, FAILURE_CANCELLED, 0, self.fleet.members[self.ticket.deployment].seen_us)

    @property
    def deployment(self):
        return self.ticket.deployment

    @property
    def open(self):
        return self.ticket.open

    def first_byte(self, int64_t now_us):
        """The answer has begun."""
        fleet_first_byte(self.fleet, &self.ticket, now_us)

    def progress(self, int64_t tokens, int64_t now_us):
        """The answer has *tokens* so far."""
        fleet_progress(self.fleet, &self.ticket, tokens, now_us)

    def ended(self, int64_t output_tokens, int64_t now_us, exact=None):
        """The answer is complete; *exact*: (prompt_s, output_s) as the server timed it."""
        cdef Timings timings
        if exact is None:
            fleet_ended(self.fleet, &self.ticket, output_tokens, NULL, now_us)
        else:
            timings.prompt_s, timings.output_s = exact
            fleet_ended(self.fleet, &self.ticket, output_tokens, &timings, now_us)

    def failed(self, str failure, int64_t now_us, int64_t retry_after_us=0):
        """There is no good answer: "server", "timeout", "rate_limited", "key", "caller" or "cancelled"."""
        fleet_failed(self.fleet, &self.ticket, FAILURES[failure], retry_after_us, now_us)


cdef void asked_fill(Asked *asked, int group, bint whole, double prompt_tokens, double max_tokens) noexcept:
    asked.group = group
    asked.whole = whole
    asked.prompt_tokens = prompt_tokens
    asked.max_tokens = max_tokens
    asked.in_turn = True


cdef int candidates_fill(Fleet self, Candidate *candidates, list members, excluded, cached, not_before) except -1:
    """Fill *candidates* from dicts by deployment; return their number."""
    cdef int at, count = <int>len(members)
    memset(candidates, 0, count * sizeof(Candidate))
    for at in range(count):
        candidates[at].deployment = <int>members[at]
        if excluded:
            candidates[at].excluded = members[at] in excluded
        if cached:
            candidates[at].cached_tokens = cached.get(members[at], 0)
        if not_before:
            candidates[at].not_before_us, candidates[at].interval_us = not_before.get(members[at], (0, 0))
    return count


cdef Ticket first_ticket(Fleet self, int deployment, double prompt_tokens, double max_tokens, bint whole) except *:
    """Return what stands for a request like this."""
    cdef Ticket like
    memset(&like, 0, sizeof(Ticket))
    like.deployment = fleet_check(self, deployment)
    like.prompt_tokens = prompt_tokens
    like.max_tokens = max_tokens
    like.whole = whole
    return like


cdef list prospects_view(Fleet self, int count):
    """Return what is known of each prospect, and its parts of the score."""
    cdef list rows = []
    cdef const Prospect *p
    cdef int at
    for at in range(count):
        p = &self.prospects[at]
        rows.append({
            "deployment": p.deployment,
            "score": p.score,
            "own_s": p.own_s,
            "inflicted_s": p.inflicted_s,
            "stall": p.stall,
            "wait_s": p.wait_s,
            "prefill_s": p.prefill_s,
            "decode_s": p.decode_s,
            "expected_first_byte_s": p.expected_s,
            "held": p.held,
            "full": bool(is_full(p)),
            "in_flight": p.open,
            "without_first_byte": p.silent,
            "work_s": p.work_s,
            "slots": p.cap,
            "slots_known": p.known,
            "measured": not p.cold,
            "contention": self.members[p.deployment].contention,
            "failing": p.failing,
        })
    return rows


cdef str why_not(Fleet self, const Candidate *candidate, int64_t now_us):
    """Return why a candidate is not among the prospects."""
    cdef const int64_t *known = known_of(self, candidate.deployment)
    if candidate.excluded:
        return "excluded"
    if is_out(known, now_us):
        return "rate limited by its provider" if fg_get(known + KNOWN_LIMITED) else "ejected after failures"
    if is_probed(known) and fg_get(known + KNOWN_PROBE_UNTIL_US) > now_us:
        return "being probed after failures"
    return "not sampled"


cdef dict member_view(Fleet self, int deployment, int64_t now_us):
    cdef const int64_t *known = known_of(self, deployment)
    cdef int64_t packed = lanes_sum(lane_of(self, deployment, LANE_OPEN), self.lanes)
    cdef int64_t minute = now_us // (60 * MICROSECONDS)
    cdef const int64_t *lane = lane_of(self, deployment, LANE_OPEN)
    return {
        "deployment": deployment,
        "in_flight": packed & OPEN_MASK,
        "in_flight_by_worker": [fg_get(lane + at) & OPEN_MASK for at in range(self.lanes)],
        "without_first_byte": packed >> SILENT_SHIFT,
        "held": lanes_sum(lane_of(self, deployment, LANE_HELD), self.lanes),
        "work_s": lanes_sum(lane_of(self, deployment, LANE_WORK), self.lanes) * 1e-6,
        "tokens": lanes_sum(lane_of(self, deployment, LANE_TOKENS), self.lanes),
        "overhead_s": fg_get_real(known + KNOWN_OVERHEAD_S),
        "prompt_token_s": fg_get_real(known + KNOWN_PROMPT_S),
        "output_token_s": fg_get_real(known + KNOWN_TOKEN_S),
        "contention": self.members[deployment].contention,
        "slots": self.members[deployment].slots,
        "slots_seen": fg_get(known + KNOWN_SEEN),
        "queue_seen": fg_get(known + KNOWN_QUEUED) != 0,
        "samples": fg_get(known + KNOWN_SAMPLES),
        "failing": failing_of(known, now_us),
        "failures": fg_get(known + KNOWN_FAILURES),
        "ejected": bool(is_probed(known)),
        "probe_for_s": max(<int64_t>0, fg_get(known + KNOWN_PROBE_UNTIL_US) - now_us) * 1e-6,
        "failure_s": fg_get_real(known + KNOWN_FAIL_S),
        "rate_limited": fg_get(known + KNOWN_LIMITED),
        "out_for_s": max(<int64_t>0, fg_get(known + KNOWN_OUT_UNTIL_US) - now_us) * 1e-6,
        "stall": stall_of(self, deployment, now_us),
        "tokens_this_minute": use_now(use_of(self, deployment) + USE_TOKENS, minute),
        "requests_this_minute": use_now(use_of(self, deployment) + USE_REQUESTS, minute),
    }
