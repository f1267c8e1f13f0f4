# What the head of an answer says of the provider's limits: x-ratelimit-*, anthropic-ratelimit-*, retry-after.
# Rule 1: what is not understood was not said: nothing here fails, and a number is digits, all of them.
# Rule 2: a time is bounded where it is read, so that no sum behind it overflows.

cdef extern from *:
    """
    #define FG_SECOND_NS ((int64_t)1000000000)
    /* The longest time that is read; longer ones are this long. */
    #define FG_MAX_SAID_NS ((int64_t)366 * 86400 * FG_SECOND_NS)
    /* a * b / c, at most FG_MAX_SAID_NS; none is negative, c is not 0. */
    static inline int64_t fg_scale(int64_t a, int64_t b, int64_t c) {
        unsigned __int128 v = (unsigned __int128)a * (unsigned __int128)b / (unsigned __int128)c;
        return v > (unsigned __int128)FG_MAX_SAID_NS ? FG_MAX_SAID_NS : (int64_t)v;
    }
    """
    const int64_t FG_SECOND_NS
    const int64_t FG_MAX_SAID_NS
    int64_t fg_scale(int64_t a, int64_t b, int64_t c) noexcept

cdef enum:
    # Most digits of a number; no provider needs more.
    MAX_SAID_DIGITS = 15
    SAID_LIMIT = 0
    SAID_REMAINING = 1
    SAID_RESET = 2
    DATE_CHARS = 29
    BILLIONTHS = 1000000000


cdef void limits_read(HeadLimits *said, const Head *head, int64_t wall_us) noexcept:
    """Fill *said* from the head of an answer that came at *wall_us*."""
    cdef const Field *f
    cdef int64_t exact_ns = -1, error_ns
    cdef int i, kind
    for kind in range(COUNTED_KINDS):
        said.said[kind].limit = said.said[kind].remaining = said.said[kind].reset_ns = -1
        said.said[kind].reset_error_ns = 0
    said.retry_after_ns = -1
    for i in range(head.count):
        f = &head.fields[i]
        if f.known == FIELD_RETRY_AFTER:
            said.retry_after_ns = parse_retry_after(f.value, wall_us)
        elif f.known == FIELD_RETRY_AFTER_MS:
            exact_ns = parse_decimal_ns(f.value, 1000000, &error_ns)
        elif f.known == 0 and f.passed == 2:
            limit_read(said, f, wall_us)
    if exact_ns >= 0:
        # The same wait with more places.
        said.retry_after_ns = exact_ns


cdef void limit_read(HeadLimits *said, const Field *f, int64_t wall_us) noexcept:
    """Take over one field, if its name is one of a limit."""
    cdef const uint8_t *name = f.name.at
    cdef Py_ssize_t n = f.name.n, cut
    cdef Said *of
    cdef int kind, what
    if n > 12 and fg_is_word(name, 12, b"x-ratelimit-"):
        # x-ratelimit-remaining-requests
        cut = 12
        while cut < n and name[cut] != 45:
            cut += 1
        what = said_what(name + 12, cut - 12)
        kind = said_kind(name + cut + 1, n - cut - 1)
    elif n > 20 and fg_is_word(name, 20, b"anthropic-ratelimit-"):
        # anthropic-ratelimit-requests-remaining
        cut = n - 1
        while name[cut] != 45:
            cut -= 1
        what = said_what(name + cut + 1, n - cut - 1)
        kind = said_kind(name + 20, cut - 20)
    else:
        return
    if what < 0 or kind < 0:
        return
    of = &said.said[kind]
    if what == SAID_LIMIT:
        of.limit = parse_units(f.value)
    elif what == SAID_REMAINING:
        of.remaining = parse_units(f.value)
    else:
        of.reset_ns = parse_reset(f.value, wall_us, &of.reset_error_ns)


cdef int said_what(const uint8_t *p, Py_ssize_t n) noexcept:
    if fg_is_word(p, n, b"limit"):
        return SAID_LIMIT
    if fg_is_word(p, n, b"remaining"):
        return SAID_REMAINING
    return SAID_RESET if fg_is_word(p, n, b"reset") else -1


cdef int said_kind(const uint8_t *p, Py_ssize_t n) noexcept:
    if n <= 0:
        return -1
    if fg_is_word(p, n, b"requests"):
        return COUNTED_REQUESTS
    if fg_is_word(p, n, b"tokens"):
        return COUNTED_TOKENS
    if fg_is_word(p, n, b"input-tokens"):
        return COUNTED_INPUT_TOKENS
    return COUNTED_OUTPUT_TOKENS if fg_is_word(p, n, b"output-tokens") else -1


cdef int64_t parse_digits(const uint8_t *p, Py_ssize_t n, Py_ssize_t *at) noexcept:
    """Read digits from p[at] on and move *at* behind them; -1 if there are none, or too many."""
    cdef Py_ssize_t start = at[0]
    cdef int64_t value = 0
    while at[0] < n and 48 <= p[at[0]] <= 57:
        if at[0] - start == MAX_SAID_DIGITS:
            return -1
        value = value * 10 + p[at[0]] - 48
        at[0] += 1
    return value if at[0] > start else -1


cdef int64_t parse_units(Span v) noexcept:
    """Return a number of requests or tokens; -1 if it is none."""
    cdef Py_ssize_t at = 0
    cdef int64_t value = parse_digits(v.at, v.n, &at)
    return value if at == v.n else -1


cdef int64_t parse_fraction(const uint8_t *p, Py_ssize_t n, Py_ssize_t *at, int64_t *step) noexcept:
    """Read `.digits` from p[at] on, if they are there, in billionths; *step*: of the last place. -1 if there is a point alone."""
    cdef int64_t value = 0
    step[0] = BILLIONTHS
    if at[0] == n or p[at[0]] != 46:
        return 0
    at[0] += 1
    if at[0] == n or not 48 <= p[at[0]] <= 57:
        return -1
    while at[0] < n and 48 <= p[at[0]] <= 57:
        step[0] //= 10
        value += step[0] * (p[at[0]] - 48)
        at[0] += 1
    return value


cdef inline int64_t said_ns(int64_t whole, int64_t part, int64_t unit_ns) noexcept:
    """Return *whole* units of time and *part* billionths of one."""
    return min(fg_scale(whole, unit_ns, 1) + fg_scale(part, unit_ns, BILLIONTHS), FG_MAX_SAID_NS)


cdef int64_t parse_decimal_ns(Span v, int64_t unit_ns, int64_t *error_ns) noexcept:
    """Return the time that a decimal number of *unit_ns* is, -1 if it is none; *error_ns*: what its last place counts."""
    cdef Py_ssize_t at = 0
    cdef int64_t step
    cdef int64_t whole = parse_digits(v.at, v.n, &at)
    cdef int64_t part = parse_fraction(v.at, v.n, &at, &step)
    if whole < 0 or part < 0 or at != v.n:
        return -1
    error_ns[0] = said_ns(0, step, unit_ns)
    return said_ns(whole, part, unit_ns)


cdef int64_t unit_of(const uint8_t *p, Py_ssize_t n, Py_ssize_t *at) noexcept:
    """Read a unit of time from p[at] on; return its nanoseconds, 0 if it is none."""
    cdef Py_ssize_t letters = 0
    p += at[0]
    n -= at[0]
    # A micro sign is one letter of two bytes.
    while letters < n and (97 <= p[letters] <= 122 or p[letters] >= 128):
        letters += 1
    at[0] += letters
    if letters == 1:
        if p[0] == 115:  # s
            return FG_SECOND_NS
        if p[0] == 109:  # m
            return 60 * FG_SECOND_NS
        return 3600 * FG_SECOND_NS if p[0] == 104 else 86400 * FG_SECOND_NS if p[0] == 100 else 0
    if fg_is_word(p, letters, b"ms"):
        return 1000000
    if fg_is_word(p, letters, b"us") or (letters == 3 and (not memcmp(p, b"\xc2\xb5s", 3) or not memcmp(p, b"\xce\xbcs", 3))):
        return 1000
    return 1 if fg_is_word(p, letters, b"ns") else 0


cdef int64_t parse_duration_ns(Span v, int64_t *error_ns) noexcept:
    """Read `1h2m3.5s`, `20ms` or bare seconds; *error_ns*: what its last place counts. -1 if it is none of them."""
    cdef Py_ssize_t at = 0
    cdef int64_t total_ns = parse_decimal_ns(v, FG_SECOND_NS, error_ns)
    cdef int64_t whole, part, step, unit_ns
    if total_ns >= 0 or v.n == 0:
        return total_ns
    total_ns = 0
    while at < v.n:
        whole = parse_digits(v.at, v.n, &at)
        part = parse_fraction(v.at, v.n, &at, &step)
        if whole < 0 or part < 0:
            return -1
        unit_ns = unit_of(v.at, v.n, &at)
        if unit_ns == 0:
            return -1
        error_ns[0] = said_ns(0, step, unit_ns)
        total_ns = min(total_ns + said_ns(whole, part, unit_ns), FG_MAX_SAID_NS)
    return total_ns


cdef int64_t parse_reset(Span v, int64_t wall_us, int64_t *error_ns) noexcept:
    """Return how long it is until a reset: a duration, a moment in RFC 3339, or one in seconds or milliseconds since 1970."""
    cdef int64_t moment_us = parse_rfc3339(v)
    cdef int64_t value
    if moment_us < 0:
        value = parse_units(v)
        if 1000000000 <= value < 10000000000:
            moment_us = value * 1000000
        elif 1000000000000 <= value < 10000000000000:
            moment_us = value * 1000
        else:
            return parse_duration_ns(v, error_ns)
    # Whole seconds mostly, and of a clock that is not ours.
    error_ns[0] = FG_SECOND_NS
    return until_ns(moment_us, wall_us)


cdef inline int64_t until_ns(int64_t moment_us, int64_t wall_us) noexcept:
    return min(max(moment_us - wall_us, <int64_t>0), FG_MAX_SAID_NS // 1000) * 1000


cdef int64_t parse_retry_after(Span v, int64_t wall_us) noexcept:
    """Return the wait in nanoseconds: seconds, which some say with a fraction, or a date (RFC 9110 10.2.3); -1 if it is neither."""
    cdef int64_t moment_us = parse_http_date(v)
    cdef int64_t error_ns
    return until_ns(moment_us, wall_us) if moment_us >= 0 else parse_decimal_ns(v, FG_SECOND_NS, &error_ns)


cdef int two_digits(const uint8_t *p) noexcept:
    return (p[0] - 48) * 10 + p[1] - 48 if 48 <= p[0] <= 57 and 48 <= p[1] <= 57 else -1


cdef int64_t moment_s(int year, int month, int day, int hour, int minute, int second) noexcept:
    """Return the seconds since 1970, or -1 if there is no such moment; a leap second is the next one."""
    cdef int days
    if year < 1970 or not 1 <= month <= 12 or day < 1 or not 0 <= hour <= 23 or not 0 <= minute <= 59 or not 0 <= second <= 60:
        return -1
    days = 31 - (month in (4, 6, 9, 11))
    if month == 2:
        days = 28 + (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0))
    if day > days:
        return -1
    # Years begin in March, so that the leap day is their last.
    if month <= 2:
        year -= 1
        month += 12
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 1
    return ((days - 719468) * <int64_t>24 + hour) * 3600 + minute * 60 + second


cdef int64_t parse_rfc3339(Span v) noexcept:
    """Return the microseconds since 1970 of `2026-11-01T12:00:03Z`, -1 if it is no such moment. RFC 3339 5.6."""
    cdef const uint8_t *p = v.at
    cdef Py_ssize_t at = 19
    cdef int64_t seconds, part, step
    cdef int hours, minutes
    if v.n < 20 or p[4] != 45 or p[7] != 45 or (p[10] | 0x20) != 116 or p[13] != 58 or p[16] != 58:
        return -1
    if two_digits(p) < 0:
        return -1
    seconds = moment_s(
        two_digits(p) * 100 + two_digits(p + 2), two_digits(p + 5), two_digits(p + 8), two_digits(p + 11), two_digits(p + 14),
        two_digits(p + 17),
    )
    part = parse_fraction(p, v.n, &at, &step)
    if seconds < 0 or part < 0 or two_digits(p + 2) < 0 or at == v.n:
        return -1
    if at + 1 == v.n and (p[at] | 0x20) == 122:
        return seconds * 1000000 + part // 1000
    if at + 6 != v.n or (p[at] != 43 and p[at] != 45) or p[at + 3] != 58:
        return -1
    hours = two_digits(p + at + 1)
    minutes = two_digits(p + at + 4)
    if not 0 <= hours <= 23 or not 0 <= minutes <= 59:
        return -1
    seconds -= (hours * 3600 + minutes * 60) * (1 if p[at] == 43 else -1)
    return max(<int64_t>-1, seconds * 1000000 + part // 1000)


cdef int64_t parse_http_date(Span v) noexcept:
    """Return the microseconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`, -1 if it is no such date. RFC 9110 5.6.7.

    The two obsolete forms are not read: nobody sends them.
    """
    cdef const uint8_t *p = v.at
    cdef const char *months = b"janfebmaraprmayjunjulaugsepoctnovdec"
    cdef int64_t seconds
    cdef int month = 0, i
    if v.n != DATE_CHARS or p[3] != 44 or p[4] != 32 or p[7] != 32 or p[11] != 32 or p[16] != 32 or p[19] != 58 or p[22] != 58:
        return -1
    if not fg_is_word(p + 25, 4, b" gmt") or two_digits(p + 12) < 0 or two_digits(p + 14) < 0:
        return -1
    for i in range(12):
        if (p[8] | 0x20) == months[3 * i] and (p[9] | 0x20) == months[3 * i + 1] and (p[10] | 0x20) == months[3 * i + 2]:
            month = i + 1
    seconds = moment_s(
        two_digits(p + 12) * 100 + two_digits(p + 14), month, two_digits(p + 5), two_digits(p + 17), two_digits(p + 20), two_digits(p + 23)
    )
    return seconds * 1000000 if seconds >= 0 else -1
