# Between dialects: the request in the provider's words, the answer in the caller's. Python's part says what words mean.
# Rule 1: a delta that looks like the two before it is copied here, its JSON string undecoded; every other event goes to Python.
# Rule 2: a shape is learned from two deltas that differ in their text alone, and forgotten with the first event that is no such delta.
# Rule 3: nothing is sent before the provider's first event was read: what fails until then is an error with a status of its own.

cdef enum:
    # A whole answer: embeddings of 2,048 texts are 40 MB.
    WHOLE_BYTES = 64 * 1024 * 1024
    # One event or line.
    PIECE_BYTES = 16 * 1024 * 1024


cdef int translate_request(GatewayService self, Exchange x) except -1:
    """Say the request in the words of the deployment's dialect. Return 1 if it was refused."""
    cdef object made
    cdef bytes body
    cdef Py_ssize_t digits
    deliver_some(self.poller)
    made = self.control.translate(x)
    if type(made) is tuple:
        return refuse_words(self, x, made)
    if type(made) is bytes:
        return answer_now(self, x, made)
    x.translation = made
    x.stream = made.stream
    x.framing = made.framing
    x.head = made.head
    x.inserted = body = made.body
    x.piece_count = 0
    x.request_bytes = 0
    add_piece(x, PyBytes_AS_STRING(x.head), PyBytes_GET_SIZE(x.head))
    memcpy(x.tail, b"Content-Length: ", 16)
    digits = 16 + fg_decimal(x.tail + 16, PyBytes_GET_SIZE(body))
    memcpy(x.tail + digits, b"\r\n\r\n", 4)
    add_piece(x, x.tail, digits + 4)
    add_piece(x, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
    return 0


cdef int refuse_words(GatewayService self, Exchange x, tuple refusal) except -1:
    """The deployment cannot be asked for this. Return 1: another one is asked, or the caller is told."""
    if refusal[0] == "unsupported_parameter" and not is_hedge(x) and pick_able(self, x):
        return 1
    if x.cause is None or is_hedge(x):
        x.param = refusal[2]
        return self.refuse(x, refusal[0], refusal[1])
    # It was to stand in for another, whose failure is what the caller must know.
    return 1 if fall_back(self, x, FAILURE_UNAVAILABLE) else self.refuse(x, x.cause, x.cause_message)


cdef int answer_now(GatewayService self, Exchange x, bytes body) except -1:
    """Answer with what is known without asking. Return 1."""
    cdef ClientConnection client
    answer(x, 200, b"application/json", body, b"")
    if not x.closed:
        client = x.client
        self.close(x)
        client.finish()
    return 1


cdef int translate_changed(GatewayService self, Exchange x) except -1:
    """Adapt a body of the deployment's own dialect to its provider, if it holds what has to be. Return 1 if it was refused."""
    cdef bytes marker, changed
    cdef tuple made
    cdef int fault
    for marker in x.deployment.changed_for:
        if fg_holds(x.body.data + x.body.start, buffer_len(&x.body), <const uint8_t *>PyBytes_AS_STRING(marker), PyBytes_GET_SIZE(marker)):
            break
    else:
        return 0
    made = self.control.change(x)
    if len(made) == 3:
        return refuse_words(self, x, made)
    changed, x.warnings = made
    fault = replace_body(x, changed)
    if fault:
        return self.refuse(x, "invalid_body", JSON_FAULTS[fault])
    return 0


cdef int translate_head(Exchange x, bint events) except -1:
    """Choose how the answer is read; of its head the caller gets the status, what is passed on, and our own fields."""
    if x.status >= 400:
        x.mode = MODE_ERROR
    elif x.stream and (events or x.framing != FRAMING_EVENTS):
        x.mode = MODE_STREAM
        x.holding = True
    else:
        x.mode = MODE_WHOLE
    return own_fields(x, &x.answer_head)


cdef int start_stream(Exchange x) except -1:
    """Begin the head of a translated stream: its first bytes are about to be sent."""
    start_head(x, 200, x.translation.content_type)
    return head_text(&x.answer_head, b"Cache-Control: no-cache\r\nx-accel-buffering: no\r\n")


cdef int start_head(Exchange x, int status, bytes content_type) except -1:
    """Put status line and Content-Type before the fields that the answer's head has so far."""
    cdef Buffer *b = &x.answer_head
    cdef Buffer kept = b[0]
    memset(b, 0, sizeof(Buffer))
    buffer_reserve(b, 1024)
    x.status = status
    status_line(b, status)
    buffer_append(b, b"Content-Type: ", 14)
    head_text(b, content_type)
    buffer_append(b, b"\r\n", 2)
    buffer_append(b, kept.data + kept.start, buffer_len(&kept))
    buffer_free(&kept)
    return 0


cdef int translate_hold(Exchange x, const uint8_t *p, Py_ssize_t n) except -1:
    """Keep a piece of an answer that is read as a whole."""
    if x.mode == MODE_ERROR:
        return buffer_append(&x.held, p, min(n, ERROR_BYTES - buffer_len(&x.held)))
    if buffer_len(&x.held) + n > WHOLE_BYTES:
        return x.upstream.broken_protocol(f"its answer is larger than {WHOLE_BYTES} bytes")
    return buffer_append(&x.held, p, n)


cdef int translate_stream(Exchange x, const uint8_t *p, Py_ssize_t n) except -1:
    """Cut a piece of a stream as its dialect does."""
    if x.framing == FRAMING_EVENTS:
        return relay_events(x, p, n)
    if x.framing == FRAMING_FRAMES:
        return translate_say(x, x.translation.on_bytes(bytes_of(p, n)))
    return translate_lines(x, p, n)


cdef int translate_lines(Exchange x, const uint8_t *p, Py_ssize_t n) except -1:
    """Take complete lines (NDJSON); keep an incomplete one."""
    cdef const uint8_t *lf
    cdef Py_ssize_t length
    while n:
        lf = <const uint8_t *>memchr(p, 10, n)
        length = lf - p + 1 if lf != NULL else n
        if lf == NULL or buffer_len(&x.held):
            buffer_append(&x.held, p, length)
        if lf == NULL:
            return translate_bound(x)
        if buffer_len(&x.held):
            translate_piece(x, x.held.data + x.held.start, buffer_len(&x.held) - 1)
            buffer_free(&x.held)
        else:
            translate_piece(x, p, length - 1)
        if x.upstream is None:
            return 0
        p += length
        n -= length
    return 0


cdef int translate_bound(Exchange x) except -1:
    """Give up on an event or a line that has no end."""
    if buffer_len(&x.held) > PIECE_BYTES:
        return x.upstream.broken_protocol(f"a piece of its stream is larger than {PIECE_BYTES} bytes")
    return 0


cdef int translate_event(Exchange x, const uint8_t *p, Py_ssize_t n) except -1:
    """Take one complete server-sent event; one without data says nothing."""
    cdef Py_ssize_t at = byte_order_mark(p, n), end = 0
    cdef int lines
    p += at
    n -= at
    lines = find_data(p, n, &at, &end)
    if lines == 0:
        return 0
    if lines == 1:
        return translate_piece(x, p + at, end - at)
    x.events += 1
    return translate_say(x, x.translation.on_event(joined_data(p, n)))


cdef bytes joined_data(const uint8_t *p, Py_ssize_t n):
    """Return the values of an event's data lines, joined by LF (WHATWG HTML 9.2.6)."""
    cdef Py_ssize_t i = 0, stop, at
    cdef list lines = []
    while i < n:
        stop = line_end(p, i, n)
        if stop - i >= 5 and memcmp(p + i, b"data:", 5) == 0:
            at = i + 6 if stop - i > 5 and p[i + 5] == 32 else i + 5
            lines.append(bytes_of(p + at, stop - at))
        i = stop + 1
    return b"\n".join(lines)


cdef int translate_piece(Exchange x, const uint8_t *p, Py_ssize_t n) except -1:
    """Take the JSON text p[0 .. n) of one event or line."""
    cdef object said, shape
    if n <= 0 or n == 1 and p[0] == 13:
        return 0
    x.events += 1
    if x.shape_before is not None and translate_alike(x, p, n):
        return 0
    said = x.translation.on_event(bytes_of(p, n))
    shape = x.translation.shape
    if shape is None:
        x.shape_before = None
    else:
        x.shape_before, x.shape_behind, x.shape_start, x.shape_end = shape
    return translate_say(x, said)


cdef int translate_alike(Exchange x, const uint8_t *p, Py_ssize_t n) except -1:
    """Copy the text of a delta that has the learned shape. Return 0 if it has another."""
    cdef Py_ssize_t before = PyBytes_GET_SIZE(x.shape_before), behind = PyBytes_GET_SIZE(x.shape_behind)
    cdef Py_ssize_t inside = n - before - behind
    cdef const uint8_t *text = p + before
    cdef int escaped = 0
    cdef uint64_t high = 0
    if inside <= 0 or memcmp(p, PyBytes_AS_STRING(x.shape_before), before):
        return 0
    if memcmp(text + inside, PyBytes_AS_STRING(x.shape_behind), behind):
        return 0
    # What stands behind begins with the quote that must be the first to close the string.
    if fg_string_end(text, inside + 1, &escaped, &high) != inside or high and not fg_utf8(text, inside):
        return 0
    if x.translation.absorbs:
        x.translation.absorb(bytes_of(text - 1, inside + 2))
    put(x, <const uint8_t *>PyBytes_AS_STRING(x.shape_start), PyBytes_GET_SIZE(x.shape_start))
    put(x, text, inside)
    put(x, <const uint8_t *>PyBytes_AS_STRING(x.shape_end), PyBytes_GET_SIZE(x.shape_end))
    return 1


cdef int translate_say(Exchange x, object said) except -1:
    """Send what an event became; None: the provider's stream failed."""
    if said is None:
        return x.upstream.fail("upstream_error", "") if x.upstream is not None else relay_fault(x, "upstream_error", "")
    if x.holding and x.translation.began:
        x.holding = False
    x.said = said
    put(x, <const uint8_t *>PyBytes_AS_STRING(said), PyBytes_GET_SIZE(said))
    # What is large is sent from where it lies, and the next thing said takes its place.
    return relay_flush(x) if PyBytes_GET_SIZE(said) > 2048 else 0


cdef int translate_end(Exchange x) except -1:
    """The provider's answer is complete: say what is left of it."""
    cdef bytes held = bytes_of(x.held.data + x.held.start, buffer_len(&x.held)) if x.held.data != NULL else b""
    cdef object said
    cdef tuple answer
    buffer_free(&x.held)
    if x.mode == MODE_WHOLE:
        deliver_some(x.service.poller)
        answer = x.translation.on_answer(held)
        return 0 if answer[3] is not None and whole_failed(x, answer, held) else translate_whole(x, answer)
    if x.mode == MODE_ERROR:
        answer = x.translation.on_error(x.status, held)
        return 0 if answer_failed(x, held) else translate_whole(x, answer)
    if held:
        if x.framing == FRAMING_EVENTS:
            translate_event(x, <const uint8_t *>PyBytes_AS_STRING(held), PyBytes_GET_SIZE(held))
        else:
            translate_piece(x, <const uint8_t *>PyBytes_AS_STRING(held), PyBytes_GET_SIZE(held))
        if x.closed or x.again:
            return 0
        relay_flush(x)
    said = x.translation.on_end()
    if said is None:
        return relay_fault(x, "upstream_cut", "the provider ended its stream before its answer was complete")
    if x.holding and not x.translation.began and said_nothing(x):
        return 0
    x.said = said
    put(x, <const uint8_t *>PyBytes_AS_STRING(said), PyBytes_GET_SIZE(said))
    x.complete = True
    return relay_flush(x)


cdef int whole_failed(Exchange x, tuple answer, bytes body) except -1:
    """A complete answer was an error, or cannot be read. Return 1 if that is made good."""
    cdef int failure
    cdef int64_t retry_after_us
    failure, retry_after_us = failure_of(x, "upstream_error", answer[0], body)
    return attempt_failed(x, failure, retry_after_us, "upstream_error", "the provider's answer cannot be read")


cdef int translate_whole(Exchange x, tuple answer) except -1:
    """Send a whole answer: status, content type, body, the code of what failed or None, fields."""
    cdef bytes body = answer[2]
    if x.deployment.secret:
        body = body.replace(x.deployment.secret, b"***")
    x.mode = MODE_WHOLE
    x.failure = answer[3]
    start_head(x, answer[0], answer[1])
    head_text(&x.answer_head, answer[4])
    x.said = body
    put(x, <const uint8_t *>PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
    x.complete = True
    return relay_flush(x)


cdef int translate_fault(Exchange x, str code, str message) except -1:
    """Answer with an error before anything was sent: the provider's own if it told one, else ours."""
    cdef ClientConnection client = x.client
    cdef object told = x.translation.failure()
    if told is None:
        return x.service.refuse(x, code, message)
    translate_whole(x, told)
    if x.closed:
        return 0
    x.service.close(x)
    return client.finish()


cdef int translate_account(Exchange x) except -1:
    """Note the usage that the provider told, for the log."""
    cdef int i
    cdef tuple counted = x.translation.counted()
    for i in range(5):
        x.answer.usage[i] = counted[i]
    return 0
