# One line per finished request: JSON, or words for a person. Lines are gathered and written together.
# Rule 1: nothing of a prompt, an answer or a key is ever written.
# Rule 2: a reader that stalls costs lines, never requests; how many were dropped is counted and said.

cdef enum:
    LOG_GATHER_BYTES = 64 * 1024
    # Writes of at most PIPE_BUF bytes to a pipe that polls writable never block (pipe(7)).
    LOG_WRITE_BYTES = 4096
    LOG_LIMIT_BYTES = 1024 * 1024


cdef class AccessLog:
    """Lines to the descriptor *fd*; *human*: for a terminal, else JSON. fd -1: no log."""

    def __init__(self, int fd, bint human):
        self.fd = fd
        self.human = human
        self.write_bytes = LOG_GATHER_BYTES if fd >= 0 and S_ISREG(fstat(fd).st_mode) else LOG_WRITE_BYTES
        self.second = -1

    def __dealloc__(self):
        buffer_free(&self.lines)

    def flush(self, int patience_ms=0):
        """Write what was gathered, as far as the reader takes it within *patience_ms* each time."""
        log_flush(self, patience_ms)

    cdef int add(self, Exchange x) except -1:
        cdef Buffer *b = &self.lines
        cdef int64_t now = x.sent_us if x.sent_us else monotonic_us()
        if self.fd < 0:
            return 0
        if buffer_len(b) > LOG_LIMIT_BYTES:
            self.dropped += 1
            self.unsaid += 1
            return 0
        if self.unsaid:
            log_text(b, b"fastgate: " if self.human else b'{"message":"')
            log_count(b, b"", self.unsaid)
            log_text(b, b" log lines were dropped: the reader of the log is too slow")
            log_text(b, b"\n" if self.human else b'"}\n')
            self.unsaid = 0
        buffer_reserve(b, 1024)
        if self.human:
            log_words(self, x, now)
        else:
            log_json(self, x, now)
        return log_flush(self) if buffer_len(b) > LOG_GATHER_BYTES else 0


cdef int log_flush(AccessLog self, int patience_ms=0) except -1:
    cdef pollfd ready
    cdef ssize_t count
    cdef Py_ssize_t n, left = buffer_len(&self.lines)
    ready.fd = self.fd
    ready.events = POLLOUT
    while left and poll(&ready, 1, patience_ms) > 0:
        n = min(left, self.write_bytes)
        count = c_write(self.fd, self.lines.data + self.lines.start, n)
        if count <= 0:
            break
        buffer_consume(&self.lines, count)
        left -= count
    return 0


cdef inline int log_text(Buffer *b, const char *text) except -1:
    return buffer_append(b, <const uint8_t *>text, strlen(text))


cdef int log_count(Buffer *b, const char *name, int64_t value) except -1:
    """Append `,"name":value`; *name* comes with comma, quotes and colon."""
    cdef uint8_t digits[24]
    log_text(b, name)
    return buffer_append(b, digits, fg_decimal(digits, value if value > 0 else 0))


cdef int log_ms(Buffer *b, const char *name, int64_t value_us) except -1:
    """Append a time in milliseconds with three places."""
    cdef uint8_t digits[24]
    cdef Py_ssize_t n
    if value_us < 0:
        value_us = 0
    log_text(b, name)
    n = fg_decimal(digits, value_us // 1000)
    digits[n] = 46
    digits[n + 1] = 48 + value_us // 100 % 10
    digits[n + 2] = 48 + value_us // 10 % 10
    digits[n + 3] = 48 + value_us % 10
    return buffer_append(b, digits, n + 4)


cdef int log_time(AccessLog self, Buffer *b, int64_t now) except -1:
    """Append the wall clock, RFC 3339 in UTC with milliseconds."""
    cdef uint8_t rest[4]
    cdef int64_t wall_us
    if now >= self.offset_until_us:
        self.offset_us = wall_clock_us() - now
        self.offset_until_us = now + 1000000
    wall_us = now + self.offset_us
    if wall_us // 1000000 != self.second:
        self.second = wall_us // 1000000
        self.second_text = strftime("%Y-%m-%dT%H:%M:%S.", gmtime(self.second)).encode()
    head_text(b, self.second_text)
    rest[0] = 48 + wall_us // 100000 % 10
    rest[1] = 48 + wall_us // 10000 % 10
    rest[2] = 48 + wall_us // 1000 % 10
    rest[3] = 90
    return buffer_append(b, rest, 4)


cdef int log_json(AccessLog self, Exchange x, int64_t now) except -1:
    cdef Buffer *b = &self.lines
    log_text(b, b'{"time":"')
    log_time(self, b, now)
    log_text(b, b'","request_id":"')
    head_text(b, x.request_id)
    log_text(b, b'","operation":"')
    head_text(b, x.operation.log_name)
    if x.group is not None and x.group.literal is not None:
        log_text(b, b'","model":"')
        head_text(b, x.group.literal)
    if x.deployment is not None:
        log_text(b, b'","deployment":"')
        head_text(b, x.deployment.deployment_id)
    if x.hedge_deployment is not None:
        log_text(b, b'","hedged":true,"first_deployment":"')
        head_text(b, x.first_deployment.deployment_id)
        log_text(b, b'","hedge_deployment":"')
        head_text(b, x.hedge_deployment.deployment_id)
    log_count(b, b'","status":', x.status)
    log_text(b, b',"stream":true' if x.stream else b',"stream":false')
    log_count(b, b',"attempts":', x.attempts)
    log_count(b, b',"bytes_in":', x.bytes_in)
    log_count(b, b',"bytes_out":', x.bytes_out)
    if x.mode != MODE_RAW and x.mode != MODE_ERROR:
        log_count(b, b',"input_tokens":', x.answer.usage[0])
        log_count(b, b',"output_tokens":', x.answer.usage[1])
        if x.answer.usage[2]:
            log_count(b, b',"cache_read_tokens":', x.answer.usage[2])
        if x.answer.usage[3]:
            log_count(b, b',"cache_write_tokens":', x.answer.usage[3])
    if x.stream:
        log_count(b, b',"events":', x.events)
    if x.first_byte_us:
        log_ms(b, b',"time_to_first_chunk_ms":', x.first_byte_us - x.dispatched_us)
    if x.waited_us or x.queued_us:
        log_ms(b, b',"queue_ms":', waited_until(x, now))
    log_ms(b, b',"duration_ms":', now - x.started_us)
    if x.is_copy:
        log_text(b, b',"mirrored":true')
    if x.failure is not None:
        log_text(b, b',"error":"')
        head_text(b, x.failure.encode())
        log_text(b, b'"')
    return log_text(b, b"}\n")


cdef int log_words(AccessLog self, Exchange x, int64_t now) except -1:
    cdef Buffer *b = &self.lines
    log_time(self, b, now)
    log_count(b, b" ", x.status)
    log_text(b, b" ")
    head_text(b, x.operation.log_name)
    if x.group is not None and x.group.literal is not None:
        log_text(b, b" ")
        head_text(b, x.group.literal)
    if x.deployment is not None:
        log_text(b, b" -> ")
        head_text(b, x.deployment.deployment_id)
    if x.hedge_deployment is not None:
        log_text(b, b" (hedged)")
    log_ms(b, b" ", now - x.started_us)
    log_text(b, b" ms")
    if x.waited_us or x.queued_us:
        log_ms(b, b" queued ", waited_until(x, now))
        log_text(b, b" ms")
    if x.mode != MODE_RAW and x.mode != MODE_ERROR:
        log_count(b, b" tokens ", x.answer.usage[0])
        log_count(b, b"/", x.answer.usage[1])
    log_text(b, b" mirrored " if x.is_copy else b" ")
    head_text(b, x.request_id)
    if x.failure is not None:
        log_text(b, b" ")
        head_text(b, x.failure.encode())
    return log_text(b, b"\n")
