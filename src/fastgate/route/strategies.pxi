# Which of the candidates is asked: ours by the time expected, the others as LiteLLM's users know them.
# Scores are multiplied by a random 1 to 1 + TIE_SPREAD, so that workers that know the same do not choose the same.
# What is ejected, or without a free slot where slots are known, is asked by none of them while there is another.

cdef double TIE_SPREAD = 0.02


cdef int fleet_pick(Fleet self, int strategy, const Asked *asked, const Candidate *candidates, int count, int64_t now_us,
                    Choice *choice) noexcept:
    """Choose one of *count* candidates; return its index, PICK_HOLD if the best of them is worth waiting for, or PICK_NONE."""
    cdef int found = gather(self, asked, candidates, count, now_us, False)
    cdef int best
    memset(choice, 0, sizeof(Choice))
    choice.at = PICK_NONE
    if found == 0:
        found = gather(self, asked, candidates, count, now_us, True)
        choice.panic = True
        if found == 0:
            return PICK_NONE
    if strategy == STRATEGY_EXPECTED_LATENCY or strategy == STRATEGY_LATENCY_BASED:
        best = pick_expected(self, asked, candidates, found, now_us, self.buffer if strategy == STRATEGY_LATENCY_BASED else 0)
    else:
        found = leave_full(self, found)
        best = pick_named(self, strategy, asked, candidates, found, now_us)
        if best >= 0:
            self.prospects[0] = self.prospects[best]
            best = 0
            foresee(self, asked, candidates, 1, now_us)
            weigh(self, &self.prospects[0], now_us)
    return decide(self, &self.prospects[best], choice, now_us)


cdef int decide(Fleet self, const Prospect *p, Choice *choice, int64_t now_us) noexcept:
    choice.deployment = p.deployment
    choice.probe = p.probe
    choice.prefill_s = p.prefill_s
    choice.decode_s = p.decode_s
    choice.expected_s = p.expected_s
    choice.load_s = p.load_s
    choice.at = p.at
    choice.cold = p.few
    choice.alone_s = s_alone(self, p)
    choice.turn_s = choice.alone_s / max(<int64_t>1, p.cap)
    if is_full(p):
        choice.at = PICK_HOLD
        if p.open:
            # What was sent before anything was measured counts for a guess: no more than this one takes.
            choice.first_s = min(p.work_s / p.open, p.prefill_s + p.decode_s) * power_of(&self.members[p.deployment], p.cap)
            choice.first_s /= max(<int64_t>1, p.cap)
        if p.wait_s > 0:
            choice.until_us = now_us + <int64_t>(p.wait_s * MICROSECONDS)
            choice.turn_s = max(choice.turn_s, p.interval_s)
    return choice.at


cdef inline double s_alone(Fleet self, const Prospect *p) noexcept:
    """Return how long a request takes once it runs among as many as there are slots."""
    return (p.prefill_s + p.decode_s) * power_of(&self.members[p.deployment], p.cap)


cdef int fleet_take(Fleet self, const Asked *asked, const Candidate *candidate, int64_t now_us, Choice *choice) noexcept:
    """Fill *choice* for a deployment that something else has chosen."""
    memset(choice, 0, sizeof(Choice))
    gather(self, asked, candidate, 1, now_us, True)
    foresee(self, asked, candidate, 1, now_us)
    weigh(self, &self.prospects[0], now_us)
    decide(self, &self.prospects[0], choice, now_us)
    choice.at = 0
    return 0


cdef int pick_expected(Fleet self, const Asked *asked, const Candidate *candidates, int count, int64_t now_us, double buffer) noexcept:
    """Return the prospect that costs least; those within 2 % of each other take turns by chance, or all within *buffer*."""
    cdef Prospect *p
    cdef double least = 0, value, worst
    cdef int at, best = -1, alike = 0, probed = 0
    foresee(self, asked, candidates, count, now_us)
    score(self, count, now_us)
    for at in range(count):
        p = &self.prospects[at]
        if p.wait_s > 0 or p.price_s > 0:
            learn_price(self, p, count, now_us)
    for at in range(count):
        probed += is_probing(&self.prospects[at])
    for at in range(count):
        p = &self.prospects[at]
        if probed < count and is_probing(p):
            continue
        value = p.score * (1 + TIE_SPREAD * fleet_random(self))
        if best < 0 or value < least:
            best = at
            least = value
    if buffer <= 0 or is_full(&self.prospects[best]):
        return best
    worst = self.prospects[best].score * (1 + buffer)
    for at in range(count):
        p = &self.prospects[at]
        if p.score <= worst and not is_full(p) and not (probed < count and is_probing(p)):
            alike += 1
            if fleet_random(self) * alike < 1:
                best = at
    return best


cdef inline bint is_probing(const Prospect *p) noexcept:
    """Whether nothing is measured yet, and enough are on their way to change that."""
    return p.cold and p.open >= COLD_PROBES


cdef inline bint is_full(const Prospect *p) noexcept:
    """Whether a request would have to wait where waiting in the gateway is better."""
    return p.wait_s > 0 or (p.known and p.open + p.ahead >= p.cap)


cdef int leave_full(Fleet self, int count) noexcept:
    """Keep those with a free slot and within their rate limit; all, if there is none. Return their number."""
    cdef Prospect *p
    cdef int at, kept = 0
    for at in range(count):
        p = &self.prospects[at]
        p.known = self.members[p.deployment].slots > 0
        p.cap = slots_of(self, p.deployment)
        if not is_full(p):
            # Those before it are not looked at again.
            self.prospects[kept] = p[0]
            kept += 1
    return kept if kept else count


cdef int pick_named(Fleet self, int strategy, const Asked *asked, const Candidate *candidates, int count, int64_t now_us) noexcept:
    if strategy == STRATEGY_SIMPLE_SHUFFLE:
        return pick_shuffled(self, count)
    if strategy == STRATEGY_ROUND_ROBIN:
        return pick_next(self, asked.group, count)
    if strategy == STRATEGY_LEAST_BUSY:
        return pick_least_busy(self, count)
    if strategy == STRATEGY_USAGE_BASED:
        return pick_least_used(self, asked, count, now_us)
    return pick_cheapest(self, asked, count, now_us)


cdef inline int64_t share_of(const Member *m, int kind) noexcept:
    return m.weight if kind == 0 else m.rpm if kind == 1 else m.tpm


cdef int pick_shuffled(Fleet self, int count) noexcept:
    """By weight where any has one, else by rpm, else by tpm; else all alike."""
    cdef int64_t total, part
    cdef double at_share
    cdef int kind, at
    for kind in range(3):
        total = 0
        for at in range(count):
            total += share_of(&self.members[self.prospects[at].deployment], kind)
        if total > 0:
            at_share = fleet_random(self) * total
            for at in range(count):
                part = share_of(&self.members[self.prospects[at].deployment], kind)
                at_share -= part
                if part > 0 and at_share < 0:
                    return at
    return <int>(fleet_random(self) * count)


cdef int pick_next(Fleet self, int group, int count) noexcept:
    """The first prospect at or behind the turn, which is counted in candidates."""
    cdef int turn = self.turns[group]
    cdef int at, best = 0
    for at in range(count):
        if self.prospects[at].at >= turn:
            best = at
            break
    self.turns[group] = self.prospects[best].at + 1
    return best


cdef int pick_least_busy(Fleet self, int count) noexcept:
    """Fewest requests in flight; ties by chance, so that an idle pair shares."""
    cdef int64_t least = -1
    cdef int at, best = 0, alike = 0
    for at in range(count):
        if least < 0 or self.prospects[at].open < least:
            least = self.prospects[at].open
            alike = 0
        if self.prospects[at].open == least:
            alike += 1
            if fleet_random(self) * alike < 1:
                best = at
    return best


cdef bint is_spent(Fleet self, const Prospect *p, double tokens, int64_t minute) noexcept:
    """Whether one more request, of *tokens*, is above the deployment's rpm or tpm of this minute."""
    cdef const Member *m = &self.members[p.deployment]
    cdef const int64_t *used = use_of(self, p.deployment)
    return (m.rpm > 0 and use_now(used + USE_REQUESTS, minute) >= m.rpm) or (
        m.tpm > 0 and use_now(used + USE_TOKENS, minute) + tokens > m.tpm)


cdef int pick_least_used(Fleet self, const Asked *asked, int count, int64_t now_us) noexcept:
    """Fewest tokens in this minute, those of requests in flight included; as shares of their tpm where all have one."""
    cdef int64_t minute = now_us // (60 * MICROSECONDS)
    cdef double least = 0, value
    cdef int at, best = -1, alike = 0, turn
    cdef bint relative = True
    for at in range(count):
        relative = relative and self.members[self.prospects[at].deployment].tpm > 0
    for turn in range(2):
        for at in range(count):
            if turn == 0 and is_spent(self, &self.prospects[at], asked.prompt_tokens, minute):
                continue
            value = <double>use_now(use_of(self, self.prospects[at].deployment) + USE_TOKENS, minute)
            if relative:
                value /= <double>self.members[self.prospects[at].deployment].tpm
            if best < 0 or value < least:
                least = value
                best = at
                alike = 0
            if value == least:
                alike += 1
                if fleet_random(self) * alike < 1:
                    best = at
        if best >= 0:
            break
    return best


cdef int pick_cheapest(Fleet self, const Asked *asked, int count, int64_t now_us) noexcept:
    """Least price of the prompt and the output expected; one without a price is the dearest."""
    cdef int64_t minute = now_us // (60 * MICROSECONDS)
    cdef double tokens = expected_left(self, asked.group, 0, asked.max_tokens)
    cdef double least = 0, value
    cdef const Member *m
    cdef int at, best = -1, alike = 0, turn
    for turn in range(2):
        for at in range(count):
            if turn == 0 and is_spent(self, &self.prospects[at], asked.prompt_tokens, minute):
                continue
            m = &self.members[self.prospects[at].deployment]
            value = 1e300
            if m.input_cost >= 0 and m.output_cost >= 0:
                value = m.input_cost * asked.prompt_tokens + m.output_cost * tokens
            if best < 0 or value < least:
                least = value
                best = at
                alike = 0
            if value == least:
                alike += 1
                if fleet_random(self) * alike < 1:
                    best = at
        if best >= 0:
            break
    return best
