# Before an answer says anything: what there is of it waits, and a failure is made good by another attempt.
# Rule 1: the first event with content, an error that nothing can be done about, or the end sends everything at once.
# Rule 2: what is not known to be empty is content.

cdef enum:
    EVENT_EMPTY
    EVENT_CONTENT
    EVENT_ERROR


cdef inline int64_t silence_us(Exchange self) noexcept:
    """Return how long the provider may say nothing before something is done about it."""
    if self.holding and self.mode != MODE_JSON:
        return min(self.deployment.gap_timeout_us, max(first_token_left(self), 0) if self.deployment.first_token_us else HOLD_US)
    return self.deployment.gap_timeout_us


cdef inline int64_t first_token_left(Exchange self) noexcept:
    """Return how long the provider has until it must have said something; one without such a bound has long."""
    if self.deployment.first_token_us == 0:
        return 1 << 62
    return self.dispatched_us + self.deployment.first_token_us - self.service.poller.now_us


cdef inline bint is_held_long(Exchange self) noexcept:
    """Whether what a stream has said so far waits no longer for content; with a bound of its own it does until that."""
    return self.mode != MODE_JSON and self.deployment.first_token_us == 0 and self.service.poller.now_us - self.first_byte_us > HOLD_US


cdef int relay_held(Exchange self) except -1:
    """The provider thinks: what it has said so far goes out, so that the caller sees it alive."""
    if is_hedge(self):
        # It has to say something first.
        return 0
    self.holding = False
    return relay_flush(self)


cdef int keep_early(Exchange self, Gather *g) except -1:
    """Keep this turn's output. Return 0 if it cannot be kept any longer and is to be sent."""
    cdef int i
    cdef bint long = is_held_long(self) and not is_hedge(self)
    if g.content:
        for i in range(2, g.count):
            buffer_append(&self.early, <const uint8_t *>g.pieces[i].iov_base, g.pieces[i].iov_len)
        gather_start(g)
    if buffer_len(&self.early) > HELD_BYTES or long:
        self.holding = False
    return self.holding


cdef int put_early(Exchange self, Gather *g) except -1:
    """Put what was kept in front of this turn's output."""
    cdef int i
    for i in range(2, g.count):
        buffer_append(&self.early, <const uint8_t *>g.pieces[i].iov_base, g.pieces[i].iov_len)
    gather_start(g)
    gather_put(g, self.early.data + self.early.start, buffer_len(&self.early))
    return 0


cdef int relay_prelude(Exchange self, const uint8_t *p, Py_ssize_t n) except -1:
    """Judge the JSON p[0 .. n) of an event that comes before any content. Return 1 if it is a failure that is made good."""
    cdef int found = judge_event(self.operation.dialect_bit, p, n)
    cdef int failure
    cdef int64_t retry_after_us
    if found == EVENT_EMPTY:
        return 0
    if found == EVENT_ERROR:
        failure, retry_after_us = failure_of(self, "upstream_error", 0, bytes_of(p, n))
        if attempt_failed(self, failure, retry_after_us, "upstream_error", "the provider's stream failed before it said anything"):
            return 1
    self.holding = False
    return 0


cdef int said_nothing(Exchange self) except -1:
    """The answer ended, and nothing was in it. Return 1 if that is made good; a caller gets it as it is otherwise."""
    if self.mode == MODE_JSON and self.answer.finished:
        return 0
    self.holding = False
    return attempt_failed(self, FAILURE_SERVER, 0, "upstream_cut", "the provider ended its answer before it said anything")


cdef int answer_failed(Exchange self, bytes body) except -1:
    """The provider answered with an error. Return 1 if that is made good."""
    cdef int failure
    cdef int64_t retry_after_us
    if self.head_sent:
        return 0
    failure, retry_after_us = failure_of(self, "upstream_error", self.status, body)
    return attempt_failed(self, failure, retry_after_us, "upstream_error", f"the provider answered {self.status}")


cdef int fault_unsent(Exchange self, str code, str message) except -1:
    """The provider failed before anything was sent: if nothing else helps the caller gets an error of ours."""
    cdef object told = self.translation.failure() if self.translation is not None else None
    cdef int failure
    cdef int64_t retry_after_us
    failure, retry_after_us = failure_of(self, code, 0 if told is None else told[0], b"" if told is None else told[2])
    if attempt_failed(self, failure, retry_after_us, code, message):
        return 0
    gather_start(&self.service.poller.gather)
    buffer_free(&self.early)
    self.holding = False
    return translate_fault(self, code, message) if self.translation is not None else self.service.refuse(self, code, message)


# --- what an event says, by the few members that tell

cdef Py_ssize_t top_value(const uint8_t *p, Py_ssize_t n, const char *name) noexcept:
    """Return where the value of the member *name* of the object p[0 .. n) begins, or -1. What is no JSON has none."""
    cdef Py_ssize_t length = strlen(name), i = 0, key, end
    cdef int depth = 0, escape
    while i < n:
        if p[i] == 34:
            key = i + 1
            escape = 0
            end = key + fg_closing_quote(p + key, n - key, &escape)
            i = skip_space(p, end + 1, n)
            if depth == 1 and i < n and p[i] == 58 and end - key == length and memcmp(p + key, name, length) == 0:
                i = skip_space(p, i + 1, n)
                return i if i < n else -1
            continue
        if p[i] == 123 or p[i] == 91:
            depth += 1
        elif p[i] == 125 or p[i] == 93:
            depth -= 1
        i += 1
    return -1


cdef Py_ssize_t member_value(const uint8_t *p, Py_ssize_t n, Py_ssize_t i, const char *name) noexcept:
    """Return where the value of the next member *name* from p[i] on begins, at any depth, or -1."""
    cdef Py_ssize_t length = strlen(name), at
    cdef const uint8_t *quote
    while i < n:
        quote = <const uint8_t *>memchr(p + i, 34, n - i)
        if quote == NULL:
            return -1
        i = quote - p + 1
        if n - i > length and p[i + length] == 34 and memcmp(p + i, name, length) == 0:
            at = skip_space(p, i + length + 1, n)
            if at < n and p[at] == 58:
                at = skip_space(p, at + 1, n)
                return at if at < n else -1
    return -1


cdef inline bint is_empty_text(const uint8_t *p, Py_ssize_t n, Py_ssize_t at) noexcept:
    return at >= 0 and n - at >= 2 and p[at] == 34 and p[at + 1] == 34


cdef inline bint begins_text(const uint8_t *p, Py_ssize_t n, Py_ssize_t at, const char *text) noexcept:
    """Whether the value at p[at] is a string that begins with *text*."""
    cdef Py_ssize_t length = strlen(text)
    return at >= 0 and n - at > length and p[at] == 34 and memcmp(p + at + 1, text, length) == 0


cdef int judge_event(uint32_t dialect, const uint8_t *p, Py_ssize_t n) except -1:
    """Return whether the JSON p[0 .. n) of a stream's event is content, nothing yet, or an error: EVENT_*."""
    cdef Py_ssize_t at = top_value(p, n, b"error")
    if at >= 0 and (p[at] == 123 or p[at] == 34 and not is_empty_text(p, n, at)):
        return EVENT_ERROR
    if dialect == OPENAI_CHAT_BIT:
        return judge_chunk(p, n)
    if dialect != ANTHROPIC_MESSAGES_BIT and dialect != OPENAI_RESPONSES_BIT:
        return EVENT_CONTENT
    at = top_value(p, n, b"type")
    if begins_text(p, n, at, b'error"') or begins_text(p, n, at, b'response.failed"'):
        return EVENT_ERROR
    if begins_text(p, n, at, b"content_block_start"):
        if is_empty_text(p, n, member_value(p, n, 0, b"text")) or is_empty_text(p, n, member_value(p, n, 0, b"thinking")):
            return EVENT_EMPTY
        return EVENT_CONTENT
    for start in EMPTY_TYPES:
        if begins_text(p, n, at, start):
            return EVENT_EMPTY
    return EVENT_CONTENT


cdef uint32_t OPENAI_CHAT_BIT = dialect_bit("openai_chat")
cdef uint32_t OPENAI_RESPONSES_BIT = dialect_bit("openai_responses")
cdef uint32_t ANTHROPIC_MESSAGES_BIT = dialect_bit("anthropic_messages")
cdef tuple EMPTY_TYPES = (
    b'message_start"', b'ping"', b'response.created"', b'response.in_progress"', b'response.queued"', b'response.output_item.added"',
    b'response.content_part.added"', b'response.reasoning_summary_part.added"',
)


cdef int judge_chunk(const uint8_t *p, Py_ssize_t n) noexcept:
    """Judge a chunk of a chat or of a completion."""
    cdef Py_ssize_t at = top_value(p, n, b"choices"), inside
    if at < 0 or p[at] != 91:
        return EVENT_CONTENT
    inside = skip_space(p, at + 1, n)
    if inside < n and p[inside] == 93:
        # Usage, or what a filter found in the prompt.
        return EVENT_EMPTY
    at = member_value(p, n, 0, b"finish_reason")
    if at >= 0 and p[at] == 34:
        return EVENT_CONTENT
    at = member_value(p, n, 0, b"delta")
    if at < 0:
        return EVENT_EMPTY if is_empty_text(p, n, member_value(p, n, 0, b"text")) else EVENT_CONTENT
    while at >= 0:
        if p[at] != 123 or not is_empty_delta(p, n, at + 1):
            return EVENT_CONTENT
        at = member_value(p, n, at, b"delta")
    return EVENT_EMPTY


cdef bint is_empty_delta(const uint8_t *p, Py_ssize_t n, Py_ssize_t i) noexcept:
    """Whether the object whose inside begins at p[i] has members without a value alone, beside the role."""
    cdef Py_ssize_t key, key_n, value_n
    cdef int escape
    while True:
        i = skip_space(p, i, n)
        if i < n and p[i] == 44:
            i = skip_space(p, i + 1, n)
        if i >= n or p[i] != 34:
            return i < n and p[i] == 125
        key = i + 1
        escape = 0
        key_n = fg_closing_quote(p + key, n - key, &escape)
        i = skip_space(p, key + key_n + 1, n)
        if i >= n or p[i] != 58:
            return False
        i = skip_space(p, i + 1, n)
        if i >= n:
            return False
        if p[i] == 34:
            escape = 0
            value_n = fg_closing_quote(p + i + 1, n - i - 1, &escape)
            if value_n and not (key_n == 4 and memcmp(p + key, b"role", 4) == 0):
                return False
            i += value_n + 2
        elif p[i] == 91 or p[i] == 123:
            i = skip_space(p, i + 1, n)
            if i >= n or p[i] != 93 and p[i] != 125:
                return False
            i += 1
        else:
            while i < n and p[i] != 44 and p[i] != 125:
                i += 1
