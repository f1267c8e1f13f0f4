# What tests and benchmarks see of the buckets: objects where the line has structs and pointers.

cdef dict COUNTED = {
    "requests": COUNTED_REQUESTS,
    "tokens": COUNTED_TOKENS,
    "input_tokens": COUNTED_INPUT_TOKENS,
    "output_tokens": COUNTED_OUTPUT_TOKENS,
}


cdef class RateLimit:
    """*limit* units in each *period_s*: all of them at once (a bucket), a tenth of them if *smooth*, or *burst*."""

    def __cinit__(self, int64_t limit, *, double period_s=60, bint smooth=False, int64_t burst=0):
        if limit < 1 or not 0 < period_s <= 366 * 86400 or burst < 0:
            raise ValueError(f"{limit} in {period_s} s with a burst of {burst} is no limit")
        self.limit = limit
        self.burst = burst if burst else (max(limit // 10, <int64_t>1) if smooth else limit)
        rate_fill(&self.rate, limit, <int64_t>(period_s * 1000000000), self.burst)
        if self.rate.burst_ns == FG_MAX_CHARGE_NS:
            raise ValueError(f"{limit} in {period_s} s take more than a year to bring a burst of {self.burst}")

    @property
    def increment_ns(self):
        return self.rate.increment_ns

    @property
    def burst_ns(self):
        return self.rate.burst_ns


cdef class Cells:
    """Cells by their number, in *memory*: a writable buffer, zeroed, at a multiple of 64, which all workers share. Times: CLOCK_MONOTONIC.

    A cell is a token bucket, or counts requests at a time in lanes. Without *now_ns* the clock is read.
    """

    def __cinit__(self, memory):
        self.memory = memory
        self.words = <int64_t *><void *>&self.memory[0]
        self.count = <int>(len(self.memory) // 8)
        if <uint64_t>self.words & 63:
            raise ValueError("the memory is not at a multiple of 64")

    def word(self, int cell):
        """Return what stands in memory."""
        return fg_get(cell_of(self, cell))

    def take(self, int cell, RateLimit limit not None, int64_t units=1, int64_t now_ns=-1):
        """Return 0 if *units* were taken, else the nanoseconds until they would be there; -1: they never are."""
        return told_wait(cell_take(
            cell_of(self, cell), fg_charge(units, limit.rate.increment_ns), limit.rate.burst_ns, now_ns if now_ns >= 0 else monotonic_ns()
        ))

    def wait(self, int cell, RateLimit limit not None, int64_t units, int64_t now_ns):
        """Return what `take` would, and take nothing."""
        return told_wait(cell_wait(cell_of(self, cell), fg_charge(units, limit.rate.increment_ns), limit.rate.burst_ns, now_ns))

    def charge(self, int cell, RateLimit limit not None, int64_t units, int64_t now_ns):
        """Take *units* whether they are there or not."""
        cell_charge(cell_of(self, cell), fg_charge(units, limit.rate.increment_ns), now_ns)

    def remaining(self, int cell, RateLimit limit not None, int64_t now_ns):
        """Return the units that are there."""
        return cell_remaining(cell_of(self, cell), &limit.rate, now_ns)

    def reset_ns(self, int cell, int64_t now_ns):
        """Return the nanoseconds until the bucket is full again."""
        return cell_reset_ns(cell_of(self, cell), now_ns)

    def borrow(self, asks, int64_t now_ns=-1):
        """Return what was borrowed for all the *asks*, (cell, limit, what is counted, units): all of them, or nothing."""
        cdef Ask wanted[MAX_ASKS]
        cdef BorrowedUnits taken = BorrowedUnits.__new__(BorrowedUnits)
        cdef int count = asks_read(self, asks, wanted)
        cdef int64_t wait_ns = borrow(&taken.borrowed, wanted, count, now_ns if now_ns >= 0 else monotonic_ns())
        taken.cells = self
        taken.wait_ns = told_wait(wait_ns)
        taken.refused = taken.borrowed.refused if wait_ns else -1
        return taken

    def acquire(self, int cell, int lane, int limit):
        """Whether one more was counted in the worker's *lane* (0 to 7, at most 255 in each), so that all have *limit* at most."""
        return lanes_acquire(cell_of(self, cell), word_lane(lane), limit)

    def release(self, int cell, int lane):
        """Count one fewer in the worker's own *lane*."""
        lanes_release(cell_of(self, cell), word_lane(lane))

    def clear_lane(self, int cell, int lane):
        """Forget what a worker that is dead had in its lane."""
        lanes_clear(cell_of(self, cell), word_lane(lane))

    def in_use(self, int cell):
        """Return what all lanes have together."""
        return fg_lanes_sum(<uint64_t>fg_get(cell_of(self, cell)))

    def time_takes(self, int cell, int times, bint clock):
        """Return the nanoseconds that a take costs, of *times* in a row that are all admitted; *clock*: the clock is read for each."""
        cdef int64_t *word = cell_of(self, cell)
        cdef int64_t began = monotonic_ns(), now_ns = began, refused = 0
        for _ in range(times):
            if clock:
                now_ns = monotonic_ns()
            refused += cell_take(word, 1, FG_MAX_CHARGE_NS, now_ns)
        if refused:
            raise ValueError("a take was refused")
        return (monotonic_ns() - began) / <double>times

    def time_borrows(self, asks, int times):
        """Return the nanoseconds that borrowing, with a reading of the clock, and settling the *asks* cost, of *times* in a row."""
        cdef Ask wanted[MAX_ASKS]
        cdef Borrowed borrowed
        cdef int64_t actual[COUNTED_KINDS]
        cdef int count = asks_read(self, asks, wanted), at
        cdef int64_t began = monotonic_ns(), middle, spent = 0
        memset(actual, 0, sizeof(actual))
        for at in range(times // 64):
            middle = monotonic_ns()
            for _ in range(64):
                if borrow(&borrowed, wanted, count, monotonic_ns()):
                    raise ValueError("an ask was refused")
            spent += monotonic_ns() - middle
        middle = monotonic_ns()
        for at in range(times // 64 * 64):
            borrowed.count = count
            settle(&borrowed, actual)
        return (spent / <double>(times // 64 * 64), (monotonic_ns() - middle) / <double>(times // 64 * 64))


cdef class BorrowedUnits:
    """What `Cells.borrow` took: all, or nothing if `wait_ns` is not 0."""

    def settle(self, *, int64_t requests=1, int64_t tokens=0, int64_t input_tokens=0, int64_t output_tokens=0):
        """Charge what was used; a second time it is nothing."""
        cdef int64_t actual[COUNTED_KINDS]
        actual[COUNTED_REQUESTS] = requests
        actual[COUNTED_TOKENS] = tokens
        actual[COUNTED_INPUT_TOKENS] = input_tokens
        actual[COUNTED_OUTPUT_TOKENS] = output_tokens
        settle(&self.borrowed, actual)

    def give_back(self):
        """Give all back: the request was not made."""
        give_back(&self.borrowed)


cdef int64_t *cell_of(Cells self, int cell) except NULL:
    if not 0 <= cell < self.count:
        raise IndexError(f"cell {cell} of {self.count}")
    return self.words + cell


cdef int word_lane(int lane) except -1:
    if not 0 <= lane < MAX_WORD_LANES:
        raise IndexError(f"lane {lane} of {MAX_WORD_LANES}")
    return lane


cdef inline int64_t told_wait(int64_t wait_ns) noexcept:
    return -1 if wait_ns == FG_NEVER else wait_ns


cdef int asks_read(Cells self, asks, Ask *wanted) except -1:
    """Fill *wanted*; return the number of asks."""
    cdef RateLimit limit
    cdef int count = 0
    for cell, limit, counted, units in asks:
        if count == MAX_ASKS:
            raise ValueError(f"more than {MAX_ASKS} asks")
        wanted[count].cell = cell_of(self, cell)
        wanted[count].rate = limit.rate
        wanted[count].counted = COUNTED[counted]
        wanted[count].units = units
        count += 1
    return count
