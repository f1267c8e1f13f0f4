# An attempt from its dispatch to its end. Each event is told once, with the clock; whatever the end, all that the attempt counted for is
# taken back: `close_ticket` is the only way out.


cdef void fleet_dispatched(Fleet self, Ticket *t, const Asked *asked, const Choice *choice, double cached_tokens, int64_t now_us) noexcept:
    """Count a request that is being sent to the deployment chosen."""
    cdef Member *m = &self.members[choice.deployment]
    cdef int64_t *known = known_of(self, choice.deployment)
    cdef int64_t minute = now_us // (60 * MICROSECONDS)
    cdef double expected = choice.expected_s
    cdef int64_t open = 1 + (lanes_sum(lane_of(self, choice.deployment, LANE_OPEN), self.lanes) & OPEN_MASK)
    observe(self, choice.deployment, now_us)
    memset(t, 0, sizeof(Ticket))
    t.open = t.silent = True
    t.whole = asked.whole
    t.probe = choice.probe
    t.deployment = choice.deployment
    t.group = asked.group
    t.prompt_tokens = max(0.0, asked.prompt_tokens - cached_tokens)
    t.max_tokens = asked.max_tokens
    t.dispatched_us = t.refreshed_us = now_us
    t.solo_s = choice.prefill_s + choice.decode_s
    t.prefill_us = <int64_t>(choice.prefill_s * MICROSECONDS)
    t.work_us = <int64_t>(t.solo_s * MICROSECONDS)
    t.queued = m.slots == 0 and open > max(<int64_t>1, fg_get(known + KNOWN_SEEN))
    if open == 1 and fg_get(known + KNOWN_IDLE_US):
        t.idle_us = now_us - fg_get(known + KNOWN_IDLE_US)
    t.load_us = <int64_t>(choice.load_s * MICROSECONDS)
    if open == 1 and t.load_us:
        fg_put(known + KNOWN_LOADED_US, now_us + t.load_us)
    if asked.whole and choice.prefill_s > 0:
        expected *= t.solo_s / choice.prefill_s
    t.expected_us = <int64_t>(expected * MICROSECONDS)
    t.used_tokens = <int64_t>(t.prompt_tokens + expected_left(self, asked.group, 0, asked.max_tokens))
    lane_add(lane_of(self, t.deployment, LANE_OPEN) + self.lane, 1 + (<int64_t>1 << SILENT_SHIFT))
    lane_add(lane_of(self, t.deployment, LANE_WORK) + self.lane, t.work_us)
    use_add(use_of(self, t.deployment) + USE_TOKENS, minute, t.used_tokens)
    use_add(use_of(self, t.deployment) + USE_REQUESTS, minute, 1)
    if t.probe:
        fg_put(known + KNOWN_PROBE_UNTIL_US,
               now_us + max(<int64_t>PROBE_SHORTEST_US, min(10 * t.expected_us, <int64_t>PROBE_LONGEST_US)))
    pace_limited(known, now_us)
    t.before = m.newest
    if m.newest == NULL:
        m.oldest = t
    else:
        m.newest.behind = t
    m.newest = t
    observe(self, t.deployment, now_us)
    t.load_at = m.load
    t.pace_at = m.pace
    silent_show(self, t.deployment)


cdef void silent_show(Fleet self, int deployment) noexcept:
    """Show all workers which request has waited longest for its first byte."""
    cdef const Ticket *t = self.members[deployment].oldest
    cdef int64_t packed = 0
    if t != NULL:
        packed = (t.dispatched_us // 1000 << EXPECTED_BITS) + min(t.expected_us // 1000, <int64_t>((1 << EXPECTED_BITS) - 1))
    fg_put(lane_of(self, deployment, LANE_SILENT) + self.lane, packed)


cdef void silent_leave(Fleet self, Ticket *t) noexcept:
    cdef Member *m = &self.members[t.deployment]
    cdef bint first = t.before == NULL
    if first:
        m.oldest = t.behind
    else:
        t.before.behind = t.behind
    if t.behind == NULL:
        m.newest = t.before
    else:
        t.behind.before = t.before
    t.before = t.behind = NULL
    t.silent = False
    lane_add(lane_of(self, t.deployment, LANE_OPEN) + self.lane, -(<int64_t>1 << SILENT_SHIFT))
    if first:
        silent_show(self, t.deployment)


cdef void set_work(Fleet self, Ticket *t, int64_t work_us) noexcept:
    lane_add(lane_of(self, t.deployment, LANE_WORK) + self.lane, work_us - t.work_us)
    t.work_us = work_us


cdef void fleet_first_byte(Fleet self, Ticket *t, int64_t now_us) noexcept:
    """The answer's first byte is here."""
    cdef int64_t packed
    cdef double sample
    cdef Member *m
    cdef int64_t *known
    if not t.open or not t.silent:
        return
    m = &self.members[t.deployment]
    known = known_of(self, t.deployment)
    observe(self, t.deployment, now_us)
    t.first_byte_us = t.refreshed_us = now_us
    t.load_first = m.load
    t.pace_first = m.pace
    if t.dispatched_us > fg_get(known + KNOWN_OVERTOOK_US):
        fg_put(known + KNOWN_OVERTOOK_US, t.dispatched_us)
    silent_leave(self, t)
    packed = lanes_sum(lane_of(self, t.deployment, LANE_OPEN), self.lanes)
    if (packed & OPEN_MASK) - (packed >> SILENT_SHIFT) > fg_get(known + KNOWN_SEEN):
        fg_put(known + KNOWN_SEEN, (packed & OPEN_MASK) - (packed >> SILENT_SHIFT))
    m.streams += 1
    set_work(self, t, max(<int64_t>0, t.work_us - t.prefill_us))
    if not t.whole:
        sample = m.pace - t.pace_at
        if t.queued:
            sample = min(sample, fg_get_real(known + KNOWN_OVERHEAD_S) + fg_get_real(known + KNOWN_PROMPT_S) * t.prompt_tokens)
        if t.idle_us > UNLOAD_SHORTEST_US and suspect_load(self, t, sample, now_us):
            sample = 0
        if sample > 0 and t.load_us == 0 and not m.exact:
            learn_first(self, t.deployment, t.prompt_tokens, sample, now_us)
        if fg_get(known + KNOWN_SAMPLES):
            fg_put(known + KNOWN_SAMPLED_US, now_us)
    observe(self, t.deployment, now_us)


cdef bint suspect_load(Fleet self, Ticket *t, double sample, int64_t now_us) noexcept:
    """Whether the first byte behind an idle time took so long that the model may have been loaded for it; its end will tell."""
    cdef int64_t *known = known_of(self, t.deployment)
    cdef int64_t seen = fg_get(known + KNOWN_UNLOAD_US)
    cdef double excess = (now_us - t.dispatched_us - t.prefill_us) * 1e-6
    fg_put(known + KNOWN_LOADED_US, 0)
    if excess > LOAD_SHORTEST_S + t.prefill_us * 1e-6 and fg_get(known + KNOWN_SAMPLES):
        t.excess_s = excess
        t.first_sample_s = sample
        return True
    if 0 < seen <= t.idle_us:
        fg_put(known + KNOWN_UNLOAD_US, t.idle_us + t.idle_us // 4)
    return False


cdef void learn_load(Fleet self, const Ticket *t, double token_s, int64_t now_us) noexcept:
    """Learn how long a model takes to load from an answer whose tokens took *token_s* each: as long as ever, or the deployment is slow."""
    cdef int64_t *known = known_of(self, t.deployment)
    cdef int64_t seen = fg_get(known + KNOWN_UNLOAD_US)
    cdef double load = fg_get_real(known + KNOWN_LOAD_S)
    if token_s * expected_left(self, t.group, 0, t.max_tokens) > SHIFT * (t.solo_s - t.prefill_us * 1e-6):
        if not self.members[t.deployment].exact:
            learn_first(self, t.deployment, t.prompt_tokens, t.first_sample_s, now_us)
        return
    fg_put(known + KNOWN_UNLOAD_US, min(seen, t.idle_us) if seen else t.idle_us)
    fg_put_real(known + KNOWN_LOAD_S, load + TOKEN_SHARE * (t.excess_s - load) if load > 0 else t.excess_s)


cdef void fleet_progress(Fleet self, Ticket *t, int64_t tokens, int64_t now_us) noexcept:
    """The answer has *tokens* so far."""
    cdef double token_s
    if not t.open or tokens <= t.tokens:
        return
    if t.silent:
        fleet_first_byte(self, t, now_us)
    self.members[t.deployment].live_tokens += tokens - t.tokens
    lane_add(lane_of(self, t.deployment, LANE_TOKENS) + self.lane, tokens - t.tokens)
    t.tokens = tokens
    if tokens - t.refreshed_tokens >= REFRESH_TOKENS or now_us - t.refreshed_us >= REFRESH_US:
        t.refreshed_tokens = tokens
        t.refreshed_us = now_us
        observe(self, t.deployment, now_us)
        learn_slots(self, t.deployment, now_us)
        token_s = fg_get_real(known_of(self, t.deployment) + KNOWN_TOKEN_S)
        if token_s > 0:
            set_work(self, t, <int64_t>(token_s * expected_left(self, t.group, <double>tokens, t.max_tokens) * MICROSECONDS))


cdef void close_ticket(Fleet self, Ticket *t, int64_t now_us) noexcept:
    """Take back all that the attempt counted for."""
    observe(self, t.deployment, now_us)
    if t.silent:
        silent_leave(self, t)
    else:
        self.members[t.deployment].streams -= 1
    t.open = False
    lane_add(lane_of(self, t.deployment, LANE_OPEN) + self.lane, -1)
    lane_add(lane_of(self, t.deployment, LANE_WORK) + self.lane, -t.work_us)
    if lanes_sum(lane_of(self, t.deployment, LANE_OPEN), self.lanes) == 0:
        fg_put(known_of(self, t.deployment) + KNOWN_IDLE_US, now_us)
    lane_add(lane_of(self, t.deployment, LANE_TOKENS) + self.lane, -t.tokens)
    if t.probe:
        fg_put(known_of(self, t.deployment) + KNOWN_PROBE_UNTIL_US, 0)
    observe(self, t.deployment, now_us)


cdef void fleet_ended(Fleet self, Ticket *t, int64_t output_tokens, const Timings *exact, int64_t now_us) noexcept:
    """The answer is complete and good, with *output_tokens*; 0: unknown. *exact*: as the server timed it; NULL: it does not say."""
    cdef int64_t minute = now_us // (60 * MICROSECONDS)
    if not t.open:
        return
    if t.silent:
        t.whole = True
        fleet_first_byte(self, t, now_us)
    if output_tokens <= 0:
        output_tokens = t.tokens
    self.members[t.deployment].live_tokens += max(<int64_t>0, output_tokens - t.tokens)
    close_ticket(self, t, now_us)
    note_success(self, t.deployment, t.dispatched_us, now_us)
    if output_tokens > 0:
        learn_end(self, t, <double>output_tokens, exact, now_us)
        learn_length(self, t.group, <double>output_tokens)
        use_add(use_of(self, t.deployment) + USE_TOKENS, minute, <int64_t>t.prompt_tokens + output_tokens - t.used_tokens)


cdef void learn_end(Fleet self, const Ticket *t, double tokens, const Timings *exact, int64_t now_us) noexcept:
    cdef Member *m = &self.members[t.deployment]
    cdef int64_t *known = known_of(self, t.deployment)
    cdef double span = (now_us - t.first_byte_us) * 1e-6
    cdef double whole_span = (now_us - t.dispatched_us) * 1e-6
    cdef double pace
    if whole_span <= 0:
        return
    if exact != NULL:
        m.exact = True
        if t.excess_s > 0:
            learn_load(self, t, exact.output_s / tokens * (m.pace - t.pace_at) / whole_span, now_us)
        pace = (m.pace - t.pace_at) / whole_span
        learn_first(self, t.deployment, t.prompt_tokens, exact.prompt_s * pace, now_us)
        learn_contention(self, t.deployment, (m.load - t.load_at) / whole_span, exact.output_s / tokens, now_us)
        learn_token(self, t.deployment, exact.output_s / tokens * pace, now_us)
    elif t.load_us and t.whole:
        # With a load in it, perhaps, it tells only that there was none.
        if t.idle_us and (now_us - t.dispatched_us) * 2 < t.load_us:
            fg_put(known + KNOWN_UNLOAD_US, t.idle_us + t.idle_us // 4)
        return
    elif t.whole or span < 0.02 * whole_span:
        # Without a time between the bytes there is one number for all.
        learn_whole(self, t.deployment, t.prompt_tokens, tokens, m.pace - t.pace_at, now_us)
    else:
        if t.excess_s > 0:
            learn_load(self, t, (m.pace - t.pace_first) / tokens, now_us)
        learn_contention(self, t.deployment, (m.load - t.load_first) / span, span / tokens, now_us)
        learn_token(self, t.deployment, (m.pace - t.pace_first) / tokens, now_us)
    if fg_get_real(known + KNOWN_TOKEN_S) > 0:
        fg_put(known + KNOWN_SAMPLES, fg_get(known + KNOWN_SAMPLES) + 1)
        fg_put(known + KNOWN_SAMPLED_US, now_us)


cdef inline bint fleet_overfull(Fleet self, int deployment) noexcept:
    """Whether workers that chose at the same time have put more in flight than there are slots."""
    cdef int slots = self.members[deployment].slots
    if slots == 0:
        return False
    fg_fence()
    return lanes_sum(lane_of(self, deployment, LANE_OPEN), self.lanes) & OPEN_MASK > slots


cdef inline bint fleet_has_room(Fleet self, int deployment) noexcept:
    """Whether one of the slots, where they are known, is free."""
    cdef int slots = self.members[deployment].slots
    return slots > 0 and lanes_sum(lane_of(self, deployment, LANE_OPEN), self.lanes) & OPEN_MASK < slots


cdef void fleet_withdrawn(Fleet self, Ticket *t, int64_t now_us) noexcept:
    """The request was not sent after all."""
    cdef int64_t minute = now_us // (60 * MICROSECONDS)
    close_ticket(self, t, now_us)
    use_add(use_of(self, t.deployment) + USE_TOKENS, minute, -t.used_tokens)
    use_add(use_of(self, t.deployment) + USE_REQUESTS, minute, -1)


cdef void fleet_failed(Fleet self, Ticket *t, int failure, int64_t retry_after_us, int64_t now_us) noexcept:
    """The attempt is over without a good answer: FAILURE_*. *retry_after_us*: of a 429; 0: it did not say."""
    if not t.open:
        return
    close_ticket(self, t, now_us)
    if failure == FAILURE_RATE_LIMIT:
        note_limited(self, t.deployment, retry_after_us, now_us)
    elif failure >= FAILURE_KEY:
        note_failure(self, t.deployment, failure, (now_us - t.dispatched_us) * 1e-6, now_us)
    elif failure >= FAILURE_CALLER:
        # It judged the request.
        note_success(self, t.deployment, t.dispatched_us, now_us)
    use_add(use_of(self, t.deployment) + USE_TOKENS, now_us // (60 * MICROSECONDS),
            (<int64_t>t.prompt_tokens if t.tokens else 0) + t.tokens - t.used_tokens)
