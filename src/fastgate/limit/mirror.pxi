# What providers have room for: their limits as their answers tell them, and those that are configured.
# An account is what shares limits at a provider: a key, and where limits are per model, the model too. Its cells are token buckets that
# follow the provider's: charged with estimates as requests are sent, and set anew by every answer that says what remains.
# Rule 1: an answer counts only if nothing that was sent later has been answered: what remains is what remained when it was admitted.
# Rule 2: an estimate is corrected by what was used only as long as no answer has replaced it.
# Rule 3: words of one account are written one by one: who reads between them, or loses a race, errs by one request until the next answer.
# Rule 4: what is configured is exact: it is taken with the mirrored cells, all or none, and nothing that a provider says changes it.

cdef enum:
    QUOTA_CELL = 0
    # ns per unit; 0: no limit is known.
    QUOTA_INCREMENT_NS = 1
    QUOTA_LIMIT = 2
    # Units sent so far, by all workers.
    QUOTA_SENT = 3
    # 1 + the mark of the latest that was answered.
    QUOTA_HEARD = 4
    # After a Retry-After.
    OUT_UNTIL_NS = 0
    CELL_LINE_WORDS = 8
    ACCOUNT_WORDS = 40
    # What a provider says is believed for an hour; then it is asked again.
    MAX_WAIT_US = 3600000000

cdef int64_t MAX_PERIOD_NS = 31 * 86400 * FG_SECOND_NS
cdef int64_t MIN_PERIOD_NS = FG_SECOND_NS // 10
cdef int64_t MINUTE_NS = 60 * FG_SECOND_NS


cdef inline int64_t *quota_of(Mirror self, int account, int kind) noexcept:
    return self.words + account * ACCOUNT_WORDS + kind * CELL_LINE_WORDS


cdef inline int64_t *out_of(Mirror self, int account) noexcept:
    return quota_of(self, account, COUNTED_KINDS)


cdef inline int64_t *configured_of(Mirror self, int deployment) noexcept:
    return self.words + self.accounts * ACCOUNT_WORDS + deployment * CELL_LINE_WORDS


cdef inline void units_fill(int64_t *units, int64_t input_tokens, int64_t output_tokens) noexcept:
    units[COUNTED_REQUESTS] = 1
    units[COUNTED_INPUT_TOKENS] = min(max(input_tokens, <int64_t>0), <int64_t>1 << 40)
    units[COUNTED_OUTPUT_TOKENS] = min(max(output_tokens, <int64_t>0), <int64_t>1 << 40)
    units[COUNTED_TOKENS] = units[COUNTED_INPUT_TOKENS] + units[COUNTED_OUTPUT_TOKENS]


# --- asked by the router

cdef int mirror_asks(Mirror self, int account, int deployment, const int64_t *units, int64_t now_ns, Ask *asks, int *configured) noexcept:
    """Fill *asks* with the cells of a request, those of its *deployment* (-1: none) first; return their number."""
    cdef int64_t *quota
    cdef int64_t limit
    cdef Ask *ask
    cdef int kind, count = 0
    if deployment >= 0:
        for kind in (COUNTED_REQUESTS, COUNTED_TOKENS):
            if self.configured[2 * deployment + kind].increment_ns:
                ask = &asks[count]
                ask.cell = configured_of(self, deployment) + kind
                ask.rate = self.configured[2 * deployment + kind]
                ask.units = units[kind]
                ask.counted = kind
                count += 1
    configured[0] = count
    for kind in range(COUNTED_KINDS):
        quota = quota_of(self, account, kind)
        ask = &asks[count]
        ask.rate.increment_ns = fg_get(quota + QUOTA_INCREMENT_NS)
        if ask.rate.increment_ns:
            limit = fg_get(quota + QUOTA_LIMIT)
            ask.cell = quota + QUOTA_CELL
            ask.rate.burst_ns = fg_charge(limit, ask.rate.increment_ns)
            # More than the limit is admitted when all of it is there: the provider will say what it thinks of that.
            ask.units = min(limit, units[kind])
            ask.counted = kind
            count += 1
    return count


cdef inline int64_t mirror_us(int64_t wait_ns) noexcept:
    """Return a wait in microseconds, rounded up: no longer than an hour, -1 for never."""
    return -1 if wait_ns == FG_NEVER else min((wait_ns + 999) // 1000, <int64_t>MAX_WAIT_US)


cdef inline int64_t out_ns(Mirror self, int account, int64_t now_ns) noexcept:
    return max(<int64_t>0, fg_get(out_of(self, account) + OUT_UNTIL_NS) - now_ns)


cdef int64_t mirror_wait_us(Mirror self, int account, int deployment, const int64_t *units, int64_t now_us, int64_t *interval_us) noexcept:
    """Return the microseconds until a request of *units* is admitted, 0: now; -1: it is more than what is configured.

    *interval_us*: how long after it one more like it is.
    """
    cdef Ask asks[MAX_ASKS]
    cdef int64_t now_ns = now_us * 1000
    cdef int64_t wait_ns = out_ns(self, account, now_ns)
    cdef int64_t charge_ns, interval_ns = 0
    cdef int at, configured
    for at in range(mirror_asks(self, account, deployment, units, now_ns, asks, &configured)):
        charge_ns = fg_charge(asks[at].units, asks[at].rate.increment_ns)
        interval_ns = max(interval_ns, charge_ns)
        wait_ns = max(wait_ns, cell_wait(asks[at].cell, charge_ns, asks[at].rate.burst_ns, now_ns))
    interval_us[0] = mirror_us(interval_ns)
    return mirror_us(wait_ns)


# --- told of by the line

cdef int64_t mirror_charge(
    Mirror self, Mirrored *m, int account, int deployment, const int64_t *units, int64_t now_us, bint anyway
) noexcept:
    """Return 0 if the request was charged and may be sent, else what `mirror_wait_us` would; then nothing was.

    *anyway*: it is sent whatever the provider has said; what is configured holds still.
    """
    cdef Ask asks[MAX_ASKS]
    cdef int64_t now_ns = now_us * 1000
    cdef int64_t wait_ns = 0 if anyway else out_ns(self, account, now_ns)
    cdef int count = mirror_asks(self, account, deployment, units, now_ns, asks, &m.configured)
    cdef int kind
    m.open = False
    m.borrowed.count = 0
    if wait_ns:
        return mirror_us(wait_ns)
    wait_ns = borrow(&m.borrowed, asks, count, now_ns)
    if wait_ns and anyway:
        wait_ns = mirror_force(m, asks, count, now_ns)
    if wait_ns:
        return mirror_us(wait_ns)
    m.open = True
    m.account = account
    m.dispatched_ns = now_ns
    for kind in range(COUNTED_KINDS):
        m.units[kind] = units[kind]
        m.marks[kind] = fg_add(quota_of(self, account, kind) + QUOTA_SENT, units[kind])
    return 0


cdef int64_t mirror_force(Mirrored *m, const Ask *asks, int count, int64_t now_ns) noexcept:
    """Take the configured cells, if they are there, and charge the mirrored ones whether they are or not."""
    cdef Loan *loan
    cdef int64_t wait_ns = borrow(&m.borrowed, asks, m.configured, now_ns)
    cdef int at
    if wait_ns:
        return wait_ns
    for at in range(m.configured, count):
        loan = &m.borrowed.loans[at]
        loan.cell = asks[at].cell
        loan.counted = asks[at].counted
        loan.increment_ns = asks[at].rate.increment_ns
        loan.taken_ns = fg_charge(asks[at].units, loan.increment_ns)
        cell_charge(loan.cell, loan.taken_ns, now_ns)
    m.borrowed.count = count
    return 0


cdef void mirror_read(Mirror self, Mirrored *m, const Head *head, bint waits, int64_t now_us, int64_t wall_us) noexcept:
    """Take over what the head of the request's answer says; *waits*: its Retry-After too."""
    cdef HeadLimits said
    cdef int kind
    if not m.open:
        return
    limits_read(&said, head, wall_us)
    for kind in range(COUNTED_KINDS):
        if said.said[kind].limit > 0 or said.said[kind].remaining >= 0:
            quota_learn(quota_of(self, m.account, kind), m, kind, &said.said[kind], now_us * 1000)
    if head.status == 429 and waits:
        mirror_limited(self, m, said.retry_after_ns, now_us)


cdef void mirror_settle(Mirror self, Mirrored *m, const int64_t *actual) noexcept:
    """Correct the estimates by what was used, *actual* units by what is counted; a second time it is nothing."""
    cdef const Loan *loan
    cdef int at
    if not m.open:
        return
    for at in range(m.borrowed.count):
        loan = &m.borrowed.loans[at]
        if at < m.configured or not is_replaced(self, m, loan.counted):
            loan_settle(loan, actual[loan.counted])
    output_settle(quota_of(self, m.account, COUNTED_OUTPUT_TOKENS), m, actual[COUNTED_OUTPUT_TOKENS])
    m.open = False


cdef void output_settle(int64_t *quota, const Mirrored *m, int64_t actual) noexcept:
    """Correct the output that `quota_set` has charged, if it was this request's answer that came last."""
    cdef int64_t increment_ns = fg_get(quota + QUOTA_INCREMENT_NS)
    if fg_get(quota + QUOTA_HEARD) == m.marks[COUNTED_OUTPUT_TOKENS] + 1:
        cell_add(quota + QUOTA_CELL, fg_charge(actual, increment_ns) - fg_charge(m.units[COUNTED_OUTPUT_TOKENS], increment_ns))


cdef void mirror_cancel(Mirror self, Mirrored *m) noexcept:
    """Take all back: the request was not sent."""
    cdef const Loan *loan
    cdef int at, kind
    if not m.open:
        return
    for at in range(m.borrowed.count):
        loan = &m.borrowed.loans[at]
        if at < m.configured or not is_replaced(self, m, loan.counted):
            cell_add(loan.cell, -loan.taken_ns)
    for kind in range(COUNTED_KINDS):
        fg_add(quota_of(self, m.account, kind) + QUOTA_SENT, -m.units[kind])
    m.open = False


cdef inline bint is_replaced(Mirror self, const Mirrored *m, int kind) noexcept:
    """Whether an answer has said what remains behind this request, so that its estimate counts no more."""
    return fg_get(quota_of(self, m.account, kind) + QUOTA_HEARD) > m.marks[kind]


# --- what is learned

cdef int64_t period_of(int64_t known_ns, int64_t limit, int64_t used, int64_t reset_ns, int64_t error_ns) noexcept:
    """Return the time in which the whole *limit* comes back, if *used* units of it do in *reset_ns*.

    What remains was rounded down: up to one unit fewer may be used.
    """
    cdef int64_t least_ns = fg_scale(max(<int64_t>0, reset_ns - error_ns), limit, used)
    cdef int64_t most_ns = fg_scale(reset_ns + error_ns, limit, used - 1) if used > 1 else FG_MAX_SAID_NS
    # What fits: the known one, then the most usual.
    if least_ns <= known_ns <= most_ns:
        return known_ns
    if least_ns <= MINUTE_NS <= most_ns:
        return MINUTE_NS
    if least_ns <= 1440 * MINUTE_NS <= most_ns:
        return 1440 * MINUTE_NS
    if least_ns <= 60 * MINUTE_NS <= most_ns:
        return 60 * MINUTE_NS
    if least_ns <= FG_SECOND_NS <= most_ns:
        return FG_SECOND_NS
    return min(max(fg_scale(reset_ns, limit, used), MIN_PERIOD_NS), MAX_PERIOD_NS)


cdef void quota_learn(int64_t *quota, const Mirrored *m, int kind, const Said *said, int64_t now_ns) noexcept:
    """Set one cell of an account to what the request's answer says of it."""
    cdef int64_t limit = fg_get(quota + QUOTA_LIMIT)
    cdef int64_t increment_ns = fg_get(quota + QUOTA_INCREMENT_NS)
    cdef int64_t period_ns = min(fg_charge(limit, increment_ns), MAX_PERIOD_NS) if increment_ns else MINUTE_NS
    cdef int64_t heard = fg_get(quota + QUOTA_HEARD)
    cdef int64_t remaining = said.remaining
    cdef int64_t implied_ns, least_ns = 0
    if heard > m.marks[kind] + 1:
        return
    if said.limit > 0:
        limit = said.limit
    else:
        # Azure sends what remains without the limit, at times: it is at least what has been seen.
        limit = max(limit, remaining + m.units[kind], <int64_t>1)
    remaining = min(remaining, limit)
    if said.reset_ns > 0 and 0 <= remaining < limit:
        implied_ns = period_of(period_ns, limit, limit - remaining, said.reset_ns, said.reset_error_ns)
        if remaining == 0 and implied_ns < period_ns:
            # A bucket would take longer to be full again: it is a window that ends then, and nothing is admitted before.
            least_ns = said.reset_ns
        else:
            period_ns = implied_ns
    increment_ns = (period_ns - 1) // limit + 1
    fg_put(quota + QUOTA_LIMIT, limit)
    fg_put(quota + QUOTA_INCREMENT_NS, increment_ns)
    if remaining >= 0:
        fg_put(quota + QUOTA_HEARD, m.marks[kind] + 1)
        least_ns = max(<int64_t>0, least_ns - increment_ns)
        quota_set(quota, m, kind, fg_charge(limit - remaining, increment_ns) + least_ns, increment_ns, now_ns)


cdef void quota_set(int64_t *quota, const Mirrored *m, int kind, int64_t used_ns, int64_t increment_ns, int64_t now_ns) noexcept:
    """Let the cell be what an answer says is used, and what was sent since its request was."""
    cdef int64_t seen = fg_get(quota + QUOTA_CELL)
    cdef int64_t later
    while True:
        later = fg_get(quota + QUOTA_SENT) - m.marks[kind]
        if kind == COUNTED_OUTPUT_TOKENS:
            # Providers count output as it is made: its own is still to come.
            later += m.units[kind]
        if fg_update(quota + QUOTA_CELL, &seen, now_ns + used_ns + fg_charge(later, increment_ns)):
            return


# --- a 429

cdef void mirror_limited(Mirror self, Mirrored *m, int64_t retry_after_ns, int64_t now_us) noexcept:
    """The request was refused with a 429: its account is out until *retry_after_ns* (-1: not said) are over."""
    cdef int64_t *out = out_of(self, m.account) + OUT_UNTIL_NS
    cdef int64_t until_ns, seen
    if m.open and retry_after_ns > 0:
        until_ns = now_us * 1000 + min(retry_after_ns, <int64_t>MAX_WAIT_US * 1000)
        seen = fg_get(out)
        while seen < until_ns and not fg_update(out, &seen, until_ns):
            pass
