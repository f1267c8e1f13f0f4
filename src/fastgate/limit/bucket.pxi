# Token buckets of one word each (GCRA): the word is when the bucket will be full again, in nanoseconds of the monotonic clock.
# Rule 1: a unit costs a whole number of nanoseconds, rounded up: what is taken and given back cancels out exactly, in any order.
# Rule 2: several cells are taken all or none. A refusal leaves no charge: what it took for a moment it gives back.
# Rule 3: in any interval no more is taken than the burst, what the rate brings, and what is given back in it. A word in the past is a full
#         bucket: what is given back too late is nothing.
# Rule 4: who dies leaves nothing to repair: a charge that nobody settles wears off by itself.

cdef extern from *:
    """
    /* Most that is charged at once: a year. And as far as a word may go: a bucket with so much debt is never full again. */
    #define FG_MAX_CHARGE_NS ((int64_t)1 << 55)
    #define FG_MAX_WORD_NS ((int64_t)1 << 62)
    #define FG_NEVER INT64_MAX
    static inline int64_t fg_charge(int64_t units, int64_t increment_ns) {
        int64_t charge;
        if (units <= 0) return 0;
        return __builtin_mul_overflow(units, increment_ns, &charge) || charge > FG_MAX_CHARGE_NS ? FG_MAX_CHARGE_NS : charge;
    }
    /* Lanes are the bytes of a word: their sum. */
    static inline int fg_lanes_sum(uint64_t word) {
        const uint64_t low = 0x00ff00ff00ff00ffULL;
        return (int)((((word & low) + (word >> 8 & low)) * 0x0001000100010001ULL) >> 48);
    }
    """
    const int64_t FG_MAX_CHARGE_NS
    const int64_t FG_MAX_WORD_NS
    # Of a wait: it cannot be admitted at all, it is more than the burst.
    const int64_t FG_NEVER
    # Nanoseconds that *units* cost.
    int64_t fg_charge(int64_t units, int64_t increment_ns) noexcept
    int fg_lanes_sum(uint64_t word) noexcept

cdef enum:
    LANE_BITS = 8
    MAX_WORD_LANES = 8
    MAX_LANE_COUNT = 255


cdef void rate_fill(Rate *rate, int64_t limit, int64_t period_ns, int64_t burst) noexcept:
    """Allow *limit* units in each *period_ns*, and *burst* of them at once; both are 1 at least."""
    limit = max(limit, <int64_t>1)
    rate.increment_ns = (min(max(period_ns, <int64_t>1), FG_MAX_CHARGE_NS) - 1) // limit + 1
    rate.burst_ns = fg_charge(max(burst, <int64_t>1), rate.increment_ns)


# --- one cell

cdef inline int64_t wait_of(int64_t word, int64_t charge_ns, int64_t burst_ns, int64_t now_ns) noexcept:
    """Return 0 if a cell whose word this is has room for *charge_ns*, else the nanoseconds until it has."""
    cdef int64_t wait_ns = (word - now_ns if word > now_ns else 0) + charge_ns - burst_ns
    if charge_ns > burst_ns:
        return FG_NEVER
    return wait_ns if wait_ns > 0 else 0


cdef inline int64_t cell_wait(const int64_t *cell, int64_t charge_ns, int64_t burst_ns, int64_t now_ns) noexcept:
    return wait_of(fg_get(cell), charge_ns, burst_ns, now_ns)


cdef inline int64_t cell_take(int64_t *cell, int64_t charge_ns, int64_t burst_ns, int64_t now_ns) noexcept:
    """Return 0 if *charge_ns* was taken, else the nanoseconds until it would be there, FG_NEVER if it is more than the burst."""
    cdef int64_t seen = fg_get(cell)
    cdef int64_t wait_ns
    while True:
        wait_ns = wait_of(seen, charge_ns, burst_ns, now_ns)
        if wait_ns or fg_update(cell, &seen, (seen if seen > now_ns else now_ns) + charge_ns):
            return wait_ns


cdef inline void cell_add(int64_t *cell, int64_t amount_ns) noexcept:
    """Settle: charge *amount_ns* more, or give it back if it is negative."""
    if fg_add(cell, amount_ns) > FG_MAX_WORD_NS:
        fg_put(cell, FG_MAX_WORD_NS)


cdef inline void cell_charge(int64_t *cell, int64_t charge_ns, int64_t now_ns) noexcept:
    """Take *charge_ns* whether it is there or not: what is missing is debt, and later requests wait for it."""
    cdef int64_t seen = fg_get(cell)
    while not fg_update(cell, &seen, min((seen if seen > now_ns else now_ns) + charge_ns, FG_MAX_WORD_NS)):
        pass


cdef inline int64_t cell_remaining(const int64_t *cell, const Rate *rate, int64_t now_ns) noexcept:
    """Return the units that are there now."""
    cdef int64_t used_ns = fg_get(cell) - now_ns
    return max(<int64_t>0, rate.burst_ns - max(used_ns, <int64_t>0)) // rate.increment_ns


cdef inline int64_t cell_reset_ns(const int64_t *cell, int64_t now_ns) noexcept:
    """Return the nanoseconds until the bucket is full again."""
    return max(<int64_t>0, fg_get(cell) - now_ns)


# --- several cells, all or none

cdef int64_t borrow_wait(Borrowed *borrowed, const Ask *asks, int count, int64_t now_ns) noexcept:
    """Return the longest of the asks' waits, and note whose it is; nothing is written to a cell."""
    cdef int64_t wait_ns, longest_ns = 0
    cdef int at
    for at in range(count):
        wait_ns = cell_wait(asks[at].cell, fg_charge(asks[at].units, asks[at].rate.increment_ns), asks[at].rate.burst_ns, now_ns)
        if wait_ns > longest_ns:
            longest_ns = wait_ns
            borrowed.refused = at
    return longest_ns


cdef int64_t borrow_take(Borrowed *borrowed, const Ask *asks, int count, int64_t now_ns) noexcept:
    """Take from each cell in turn; at the first that refuses, give the others theirs back and return its wait."""
    cdef const Ask *ask
    cdef Loan *loan
    cdef int64_t wait_ns
    cdef int at
    for at in range(count):
        ask = &asks[at]
        loan = &borrowed.loans[at]
        loan.cell = ask.cell
        loan.counted = ask.counted
        loan.increment_ns = ask.rate.increment_ns
        loan.taken_ns = fg_charge(ask.units, ask.rate.increment_ns)
        wait_ns = cell_take(ask.cell, loan.taken_ns, ask.rate.burst_ns, now_ns)
        if wait_ns:
            borrowed.refused = at
            borrowed.count = at
            give_back(borrowed)
            return wait_ns
    borrowed.count = count
    return 0


cdef int64_t borrow(Borrowed *borrowed, const Ask *asks, int count, int64_t now_ns) noexcept:
    """Return 0 if all the *asks*, at most MAX_ASKS, were taken, else the nanoseconds until they would be there; then none was.

    The order is the most specific first, which fewest share. *borrowed* must not be open; `refused` is the ask to wait longest for.
    """
    cdef int64_t wait_ns = 0
    cdef int turn, refused
    borrowed.count = 0
    for turn in range(2):
        if turn:
            # What refused may have been a charge that another refusal gives back in this moment.
            fg_pause()
        wait_ns = borrow_wait(borrowed, asks, count, now_ns)
        if wait_ns == 0:
            wait_ns = borrow_take(borrowed, asks, count, now_ns)
            if wait_ns == 0:
                return 0
        if wait_ns == FG_NEVER:
            return wait_ns
    refused = borrowed.refused
    now_ns = borrow_wait(borrowed, asks, count, now_ns)
    if now_ns > wait_ns:
        return now_ns
    borrowed.refused = refused
    return wait_ns


cdef inline void loan_settle(const Loan *loan, int64_t units) noexcept:
    cell_add(loan.cell, fg_charge(units, loan.increment_ns) - loan.taken_ns)


cdef void settle(Borrowed *borrowed, const int64_t *actual) noexcept:
    """Charge what was used, *actual* units of each kind, for what was borrowed; a second time it is nothing."""
    cdef int at
    for at in range(borrowed.count):
        loan_settle(&borrowed.loans[at], actual[borrowed.loans[at].counted])
    borrowed.count = 0


cdef void give_back(Borrowed *borrowed) noexcept:
    """Give all back: the request was not made."""
    cdef int at
    for at in range(borrowed.count):
        cell_add(borrowed.loans[at].cell, -borrowed.loans[at].taken_ns)
    borrowed.count = 0


# --- requests at a time: a word with a byte for each worker, its lane

cdef inline bint lanes_acquire(int64_t *word, int lane, int limit) noexcept:
    """Whether one more was counted in *lane*: all lanes together have fewer than *limit*."""
    cdef int64_t seen = fg_get(word)
    while True:
        if fg_lanes_sum(<uint64_t>seen) >= limit or (<uint64_t>seen >> (LANE_BITS * lane) & MAX_LANE_COUNT) == MAX_LANE_COUNT:
            return False
        if fg_update(word, &seen, <int64_t>(<uint64_t>seen + (<uint64_t>1 << (LANE_BITS * lane)))):
            return True


cdef inline void lanes_release(int64_t *word, int lane) noexcept:
    """Count one fewer in *lane*, which is the caller's own; in an empty lane it is nothing, so that no other loses one."""
    if <uint64_t>fg_get(word) >> (LANE_BITS * lane) & MAX_LANE_COUNT:
        fg_add(word, -<int64_t>(<uint64_t>1 << (LANE_BITS * lane)))


cdef inline void lanes_clear(int64_t *word, int lane) noexcept:
    """Forget what a worker that is dead had in its lane."""
    fg_mask(word, <int64_t>~(<uint64_t>MAX_LANE_COUNT << (LANE_BITS * lane)))
