# Server-sent events (WHATWG HTML 9.2): where an event ends, and its one data line.
# Lines end in CRLF, LF or CR; an empty line ends an event. Bytes are never changed here.


cdef Py_ssize_t find_event_end(EventSearch *s, const uint8_t *p, Py_ssize_t n) noexcept:
    """Return the length of the event at p[0 .. n), its empty line included, or 0 if it is not complete yet.

    Resumable with more bytes at the same place; *s* must be zeroed for the next event.
    """
    cdef const uint8_t *lf
    cdef const uint8_t *cr
    cdef Py_ssize_t at, behind
    while True:
        lf = <const uint8_t *>memchr(p + s.scanned, 10, n - s.scanned)
        at = lf - p if lf != NULL else n
        cr = <const uint8_t *>memchr(p + s.scanned, 13, at - s.scanned)
        if cr != NULL:
            at = cr - p
        if at >= n:
            s.scanned = n
            return 0
        behind = at + 1
        if cr != NULL and behind < n and p[behind] == 10:
            behind += 1
        if at == s.line_at:
            return behind
        if cr != NULL and behind == n and behind == at + 1:
            # A CR at the very end: its LF may still come. The line is known to end; look again with more bytes.
            s.scanned = at
            return 0
        s.line_at = behind
        s.scanned = behind


cdef int find_data(const uint8_t *p, Py_ssize_t n, Py_ssize_t *at, Py_ssize_t *end) noexcept:
    """Find the value of an event's `data` field in p[0 .. n). Return how many data lines there are; the span is the first's."""
    cdef Py_ssize_t i = 0, stop
    cdef int count = 0
    while i < n:
        stop = line_end(p, i, n)
        if stop - i > 5 and memcmp(p + i, b"data:", 5) == 0:
            if count == 0:
                at[0] = i + 6 if p[i + 5] == 32 else i + 5
                end[0] = stop
            count += 1
        i = stop + 1
    return count


cdef inline Py_ssize_t line_end(const uint8_t *p, Py_ssize_t i, Py_ssize_t n) noexcept:
    """Return the offset of the LF or CR that ends the line holding p[i], or n."""
    cdef const uint8_t *lf = <const uint8_t *>memchr(p + i, 10, n - i)
    cdef Py_ssize_t end = lf - p if lf != NULL else n
    cdef const uint8_t *cr = <const uint8_t *>memchr(p + i, 13, end - i)
    return cr - p if cr != NULL else end
