# What configuration, tests and a page of state see of the mirror: objects where the line has structs.

cdef class Mirror:
    """The limits of *accounts*, and those configured of *deployments*, in *memory* that all workers share.

    *memory*: a writable buffer of `Mirror.size(...)` bytes, zeroed, at a multiple of 64.
    """

    def __cinit__(self, memory, int accounts, int deployments):
        if accounts < 1 or deployments < 0:
            raise ValueError("there is no account")
        self.memory = memory
        self.words = <int64_t *><void *>&self.memory[0]
        if <uint64_t>self.words & 63 or len(self.memory) < Mirror.size(accounts, deployments):
            raise ValueError(f"{len(self.memory)} bytes are too few, or not at a multiple of 64")
        self.accounts = accounts
        self.deployments = deployments
        self.configured = <Rate *>malloc((2 * deployments + 1) * sizeof(Rate))
        if self.configured == NULL:
            raise MemoryError
        memset(self.configured, 0, (2 * deployments + 1) * sizeof(Rate))

    def __dealloc__(self):
        free(self.configured)

    @staticmethod
    def size(int accounts, int deployments):
        """Return the bytes of memory that these need."""
        return 8 * (accounts * ACCOUNT_WORDS + deployments * CELL_LINE_WORDS)

    @staticmethod
    def read(bytes head not None, int64_t wall_us):
        """Return what the complete *head* of an answer says; -1: nothing.

        That is (limit, remaining, reset_ns) by what is counted (`Cells.borrow`), and retry_after_ns.
        """
        cdef HeadLimits said
        head_parse(head)
        limits_read(&said, &parsed_head, wall_us)
        return {
            name: (said.said[<int>kind].limit, said.said[<int>kind].remaining, said.said[<int>kind].reset_ns)
            for name, kind in COUNTED.items()
        }, said.retry_after_ns

    def describe(self, int deployment, *, int64_t rpm=0, int64_t tpm=0, bint smooth=False):
        """Say which limits of a *deployment* are configured, 0: none.

        *smooth*: no minute, whenever it begins, has more than *rpm* requests, and a tenth of them are sent at once; else all are.
        """
        if mirror_deployment(self, deployment) < 0:
            raise IndexError("no deployment is meant")
        configure(&self.configured[2 * deployment + COUNTED_REQUESTS], rpm, smooth)
        configure(&self.configured[2 * deployment + COUNTED_TOKENS], tpm, False)

    def wait(self, int account, int deployment, int64_t now_us, *, int64_t input_tokens=0, int64_t output_tokens=0):
        """Return when a request is admitted and how long after it one more is, in us: (0, ...) now, (-1, ...) never."""
        cdef int64_t units[COUNTED_KINDS]
        cdef int64_t interval_us
        units_fill(units, input_tokens, output_tokens)
        wait_us = mirror_wait_us(self, mirror_account(self, account), mirror_deployment(self, deployment), units, now_us, &interval_us)
        return wait_us, interval_us

    def send(self, int account, int deployment, int64_t now_us, *, int64_t input_tokens=0, int64_t output_tokens=0, bint anyway=False):
        """Return the request as it was charged; if its `wait_us` is not 0 it was not, and must wait.

        *anyway*: whatever the provider has said; what is configured holds still. *deployment* -1: nothing is configured.
        """
        cdef MirroredRequest sent = MirroredRequest.__new__(MirroredRequest)
        cdef int64_t units[COUNTED_KINDS]
        units_fill(units, input_tokens, output_tokens)
        sent.mirror = self
        sent.wait_us = mirror_charge(
            self, &sent.mirrored, mirror_account(self, account), mirror_deployment(self, deployment), units, now_us, anyway
        )
        return sent

    def time_requests(self, bytes head not None, int64_t now_us, int times):
        """Return the nanoseconds of a wait, a charge, an answer's *head* and a settlement, of *times* in a row of 16 requests."""
        cdef Mirrored mirrored[16]
        cdef int64_t units[COUNTED_KINDS]
        cdef int64_t spent[4]
        cdef int64_t began, interval_us, waited = 0
        cdef int turn, at
        memset(spent, 0, sizeof(spent))
        units_fill(units, 300, 200)
        head_parse(head)
        for turn in range(times // 16):
            began = monotonic_ns()
            for at in range(16):
                waited += mirror_wait_us(self, 0, -1, units, now_us, &interval_us)
            spent[0] += monotonic_ns() - began
            began = monotonic_ns()
            for at in range(16):
                waited += mirror_charge(self, &mirrored[at], 0, -1, units, now_us, False)
            spent[1] += monotonic_ns() - began
            began = monotonic_ns()
            for at in range(16):
                mirror_read(self, &mirrored[at], &parsed_head, True, now_us, 0)
            spent[2] += monotonic_ns() - began
            began = monotonic_ns()
            for at in range(16):
                mirror_settle(self, &mirrored[at], units)
            spent[3] += monotonic_ns() - began
        if waited:
            raise ValueError("a request had to wait")
        return tuple([spent[at] / <double>(times // 16 * 16) for at in range(4)])

    def snapshot(self, int account, int64_t now_us):
        """Return what is known of an account's limits."""
        cdef int64_t now_ns = now_us * 1000
        mirror_account(self, account)
        return {
            "limits": {name: quota_view(self, account, kind, now_ns) for name, kind in COUNTED.items()},
            "out_for_us": out_ns(self, account, now_ns) // 1000,
        }


cdef class MirroredRequest:
    """One request at one account, from `Mirror.send`. What is told behind its end is nothing."""

    def answered(self, bytes head not None, int64_t now_us, int64_t wall_us):
        """Take over what the complete *head* of the answer says."""
        head_parse(head)
        mirror_read(self.mirror, &self.mirrored, &parsed_head, True, now_us, wall_us)

    def settle(self, *, int64_t input_tokens=0, int64_t output_tokens=0):
        """Correct the estimates by what was used."""
        cdef int64_t actual[COUNTED_KINDS]
        units_fill(actual, input_tokens, output_tokens)
        mirror_settle(self.mirror, &self.mirrored, actual)

    def cancel(self):
        """Take all back: the request was not sent."""
        mirror_cancel(self.mirror, &self.mirrored)


cdef int configure(Rate *rate, int64_t limit, bint smooth) except -1:
    cdef int64_t burst = max(limit // 10, <int64_t>1) if smooth else limit
    if limit < 0:
        raise ValueError(f"{limit} is no limit")
    rate_fill(rate, limit - burst + 1 if smooth else limit, MINUTE_NS, burst)
    if limit == 0:
        rate.increment_ns = 0
    return 0


cdef int head_parse(bytes head) except -1:
    """Parse the complete head of an answer into `parsed_head`."""
    cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(head)
    cdef Py_ssize_t n = PyBytes_GET_SIZE(head), length = 0
    cdef HeadSearch search
    memset(&search, 0, sizeof(search))
    search.line_limit = search.head_limit = n
    if find_head_end(&search, p, n, &length) or length != n or parse_head(&parsed_head, p, n, False, MAX_FIELDS):
        raise ValueError("no head of an answer")
    return 0


cdef int mirror_account(Mirror self, int account) except -1:
    if not 0 <= account < self.accounts:
        raise IndexError(f"account {account} of {self.accounts}")
    return account


cdef int mirror_deployment(Mirror self, int deployment) except -2:
    if not -1 <= deployment < self.deployments:
        raise IndexError(f"deployment {deployment} of {self.deployments}")
    return deployment


cdef dict quota_view(Mirror self, int account, int kind, int64_t now_ns):
    cdef const int64_t *quota = quota_of(self, account, kind)
    cdef Rate rate
    rate.increment_ns = fg_get(quota + QUOTA_INCREMENT_NS)
    if rate.increment_ns == 0:
        return None
    rate.burst_ns = fg_charge(fg_get(quota + QUOTA_LIMIT), rate.increment_ns)
    return {
        "limit": fg_get(quota + QUOTA_LIMIT),
        "remaining": cell_remaining(quota + QUOTA_CELL, &rate, now_ns),
        "reset_us": cell_reset_ns(quota + QUOTA_CELL, now_ns) // 1000,
        "period_us": rate.burst_ns // 1000,
    }
