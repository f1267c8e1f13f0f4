# From the provider to the caller, as it arrives.
# Rule 1: nothing is sent before the answer says something or ends: until then another attempt can still take its place (`early`).
# Rule 2: an event is never held once it is complete; only an incomplete one is, up to HELD_BYTES.
# Rule 3: only `model` is ever changed, and only the usage event that we asked for is ever taken out.

cdef enum:
    # Longest incomplete event that is held; a longer one passes in pieces.
    HELD_BYTES = 256 * 1024
    ERROR_BYTES = 64 * 1024
    # Longest wait of a stream that has begun and has said nothing yet.
    HOLD_US = 10000000

cdef enum:
    # Of an event that passes line by line: between lines, inside a data line, inside another.
    LINE_NONE = 0
    LINE_DATA = 1
    LINE_OTHER = 2

cdef dict REASONS = {
    200: b"OK", 201: b"Created", 202: b"Accepted", 204: b"No Content", 206: b"Partial Content", 400: b"Bad Request", 401: b"Unauthorized",
    402: b"Payment Required", 403: b"Forbidden", 404: b"Not Found", 405: b"Method Not Allowed", 408: b"Request Timeout", 409: b"Conflict",
    413: b"Content Too Large", 414: b"URI Too Long", 415: b"Unsupported Media Type", 417: b"Expectation Failed",
    422: b"Unprocessable Content", 429: b"Too Many Requests",
    431: b"Request Header Fields Too Large", 499: b"Client Closed Request", 500: b"Internal Server Error",
    501: b"Not Implemented", 502: b"Bad Gateway", 503: b"Service Unavailable", 504: b"Gateway Timeout",
    505: b"HTTP Version Not Supported", 529: b"Overloaded",
}


cdef inline int head_text(Buffer *b, bytes text) except -1:
    return buffer_append(b, <const uint8_t *>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))


cdef int head_number(Buffer *b, const char *name, int64_t value) except -1:
    """Append `name: value` and CRLF; *name* comes with colon and space."""
    cdef uint8_t digits[24]
    cdef Py_ssize_t n = fg_decimal(digits, value if value > 0 else 0)
    buffer_append(b, <const uint8_t *>name, strlen(name))
    digits[n] = 13
    digits[n + 1] = 10
    return buffer_append(b, digits, n + 2)


cdef int status_line(Buffer *b, int status) except -1:
    if status == 200:
        return buffer_append(b, b"HTTP/1.1 200 OK\r\n", 17)
    return head_text(b, b"HTTP/1.1 %d %s\r\n" % (status, REASONS.get(status, b"")))


cdef int relay_head(Exchange self, Head *head) except -1:
    """Begin the caller's answer from the provider's head: status and fields from an allow-list, the rest is ours."""
    cdef Buffer *b = &self.answer_head
    cdef Field *f
    cdef int i
    cdef bint events = False, json = False, lines = False
    self.status = head.status
    self.upstream_length = head.content_length
    self.mode = MODE_RAW
    buffer_reserve(b, 1024)
    if self.translation is None:
        status_line(b, head.status)
    for i in range(head.count):
        f = &head.fields[i]
        if f.passed != 2 or (head.nominated and is_nominated(head, f.name)):
            continue
        if f.known == FIELD_X_REQUEST_ID or f.known == FIELD_REQUEST_ID:
            buffer_append(b, b"x-fastgate-upstream-request-id: ", 32)
        elif f.known == FIELD_CONTENT_ENCODING:
            if fg_is_word(f.value.at, f.value.n, b"identity"):
                continue
            if not accepts_coding(self.accept_encoding, f.value):
                return self.upstream.broken_protocol("the answer is compressed, which was not asked for")
            self.mode = -1
            buffer_append(b, f.name.at, f.name.n)
            buffer_append(b, b": ", 2)
        else:
            if f.known == FIELD_CONTENT_TYPE:
                events = is_media_type(f.value, b"text/event-stream")
                json = is_media_type(f.value, b"application/json")
                lines = is_media_type(f.value, b"application/x-ndjson")
                if self.operation.kind_bit and head.status < 300 and is_media_type(f.value, b"text/html"):
                    return self.upstream.broken_protocol("the answer is a web page")
                if self.translation is not None:
                    continue
            buffer_append(b, f.name.at, f.name.n)
            buffer_append(b, b": ", 2)
        buffer_append(b, f.value.at, f.value.n)
        buffer_append(b, b"\r\n", 2)
    if self.translation is not None:
        return translate_head(self, events)
    if self.mode < 0:
        self.mode = MODE_RAW
    elif head.status >= 400:
        self.mode = MODE_ERROR
    elif self.operation.opaque:
        self.mode = MODE_RAW
    elif events:
        self.mode = MODE_EVENTS
    elif json or lines:
        self.mode = MODE_JSON if json else MODE_LINES
        answer_start(&self.answer)
    self.holding = self.mode != MODE_RAW and self.mode != MODE_ERROR and is_repeatable(self.operation)
    return own_fields(self, b)


cdef int own_fields(Exchange self, Buffer *b) except -1:
    """Append what the gateway says of itself: the date, request id, deployment, attempts, CORS."""
    head_text(b, date_field(self.service))
    head_text(b, self.operation.id_field)
    head_text(b, self.request_id)
    buffer_append(b, b"\r\n", 2)
    if self.deployment is not None:
        head_text(b, self.deployment.answer_fields)
        if self.fallbacks:
            head_number(b, b"x-fastgate-fallbacks-used: ", self.fallbacks)
    if self.waited_us:
        log_ms(b, b"x-fastgate-queue-ms: ", self.waited_us)
        buffer_append(b, b"\r\n", 2)
    if self.warnings is not None:
        head_text(b, self.warnings)
    if self.translation is not None:
        head_text(b, self.translation.fields)
    if self.service.litellm_headers:
        buffer_append(b, b"x-litellm-call-id: ", 19)
        head_text(b, self.request_id)
        buffer_append(b, b"\r\n", 2)
        head_number(b, b"x-litellm-attempted-retries: ", self.retries_in_all)
        head_number(b, b"x-litellm-attempted-fallbacks: ", self.fallbacks)
    if self.origin is not None:
        head_text(b, self.service.control.cors_fields(self.origin))
    return 0


cdef bint is_media_type(Span v, const char *name) noexcept:
    """Whether a Content-Type names this media type, parameters aside."""
    cdef Py_ssize_t n = strlen(name)
    return v.n >= n and fg_is_word(v.at, n, name) and (v.n == n or v.at[n] == 59 or v.at[n] == 32)


cdef bint accepts_coding(bytes accepted, Span coding):
    """Whether an Accept-Encoding field names this content coding (RFC 9110 12.5.3)."""
    cdef bytes wanted = bytes_of(coding.at, coding.n).lower()
    if accepted is None:
        return False
    for item in accepted.lower().split(b","):
        name, _, weight = item.partition(b";")
        if name.strip(b" \t") in (wanted, b"*") and weight.replace(b" ", b"").rstrip(b"0.") != b"q=":
            return True
    return False


cdef int put(Exchange self, const uint8_t *p, Py_ssize_t n) except -1:
    """Add to this turn's output; what no longer fits makes the turn's output be sent first."""
    cdef Gather *g = &self.service.poller.gather
    if self.head_sent and self.client is None:
        return 0
    if not gather_put(g, p, n):
        relay_flush(self)
        gather_put(g, p, n)
    return 0


cdef int relay_content(Exchange self, const uint8_t *p, Py_ssize_t n) except -1:
    """Pass on a piece of the answer's content; p stays valid until the turn's output is sent."""
    if self.mode == MODE_EVENTS:
        return relay_events(self, p, n)
    if self.mode == MODE_JSON:
        return relay_json(self, p, 0, n)
    if self.mode == MODE_STREAM:
        return translate_stream(self, p, n)
    if self.mode == MODE_LINES:
        return relay_texts(self, p, n)
    if self.mode == MODE_WHOLE or self.mode == MODE_ERROR and self.translation is not None:
        return translate_hold(self, p, n)
    if self.mode == MODE_ERROR:
        buffer_append(&self.held, p, n)
        if buffer_len(&self.held) <= ERROR_BYTES or answer_failed(self, bytes_of(self.held.data + self.held.start, ERROR_BYTES)):
            return 0
        self.mode = MODE_RAW
        put(self, self.held.data + self.held.start, buffer_len(&self.held))
        relay_flush(self)
        buffer_free(&self.held)
        return 0
    return put(self, p, n)


cdef int relay_json(Exchange self, const uint8_t *p, Py_ssize_t i, Py_ssize_t n) except -1:
    """Pass on p[i .. n) of a JSON text with the values of its model replaced by the name the caller used."""
    cdef Py_ssize_t start = i
    cdef int found = ANSWER_MORE
    cdef bytes name = self.group.literal
    if name is None:
        while i < n:
            i = scan_answer(&self.answer, p, i, n, &found)
        return put(self, p + start, n - start)
    while i < n:
        i = scan_answer(&self.answer, p, i, n, &found)
        if self.dropping_model:
            # p[start .. i) is the provider's own name.
            start = i
            if found == ANSWER_MODEL_END:
                self.dropping_model = False
        if found == ANSWER_MODEL_START:
            put(self, p + start, i - start)
            put(self, <const uint8_t *>PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
            self.dropping_model = True
            start = i
    return put(self, p + start, n - start)


cdef int relay_texts(Exchange self, const uint8_t *p, Py_ssize_t n) except -1:
    """Pass on a piece of JSON texts, one a line: no raw LF stands inside of one."""
    cdef const uint8_t *lf
    cdef Py_ssize_t i = 0, stop
    while i < n:
        lf = <const uint8_t *>memchr(p + i, 10, n - i)
        stop = lf - p + 1 if lf != NULL else n
        if self.holding and relay_prelude(self, p + i, stop - i):
            return 0
        relay_json(self, p, i, stop)
        if lf != NULL:
            self.events += 1
            self.dropping_model = False
            answer_start(&self.answer)
        i = stop
    return 0


cdef int relay_events(Exchange self, const uint8_t *p, Py_ssize_t n) except -1:
    """Pass on complete events; keep an incomplete one."""
    cdef Py_ssize_t length
    cdef Py_ssize_t before
    if self.dropping_lf and n:
        self.dropping_lf = False
        if p[0] == 10:
            p += 1
            n -= 1
    while n:
        before = buffer_len(&self.held)
        if before:
            # Nearly always the rest of one event: complete it where it was begun.
            buffer_append(&self.held, p, n)
            length = find_event_end(&self.search, self.held.data + self.held.start, before + n)
            if length == 0:
                return relay_long_event(self) if before + n > HELD_BYTES else 0
            relay_event(self, self.held.data + self.held.start, length)
            if self.upstream is None:
                return 0
            relay_flush_large(self)
            buffer_free(&self.held)
            p += length - before
            n -= length - before
        else:
            length = find_event_end(&self.search, p, n)
            if length == 0:
                buffer_append(&self.held, p, n)
                return relay_long_event(self) if n > HELD_BYTES else 0
            relay_event(self, p, length)
            if self.upstream is None:
                return 0
            p += length
            n -= length
        self.search.scanned = self.search.line_at = 0
        self.event_open = False
    return 0


cdef int relay_flush_large(Exchange self) except -1:
    """Send now if the turn's output refers to memory that is about to go."""
    cdef Gather *g = &self.service.poller.gather
    if g.content > g.used:
        return relay_flush(self)
    return 0


cdef int relay_event(Exchange self, const uint8_t *p, Py_ssize_t n) except -1:
    """Pass on one complete event, or take it out if it is the usage event that only we asked for."""
    cdef Py_ssize_t at = 0, end = 0, model_at = 0, model_end = 0
    cdef bytes name = self.group.literal
    cdef int lines, models
    if self.translation is not None:
        return translate_event(self, p, n)
    if self.event_open:
        # The rest of an event that was too large to hold.
        relay_lines(self, p, n, True)
        return 0
    at = byte_order_mark(p, n)
    if at:
        # An empty line right behind the mark is a line of its own, whatever becomes of the event.
        while at < n and (p[at] == 10 or p[at] == 13):
            at += 1
        put(self, p, at)
        p += at
        n -= at
    lines = find_data(p, n, &at, &end)
    if lines == 0:
        return put(self, p, n)
    self.events += 1
    self.dropping_model = False
    if lines > 1:
        self.holding = False
        return relay_wide_event(self, p, n)
    if end - at >= 6 and memcmp(p + at, b"[DONE]", 6) == 0:
        self.terminated = True
        return put(self, p, n)
    if self.holding and relay_prelude(self, p + at, end - at):
        return 0
    models = scan_event(self, p, at, end, &model_at, &model_end)
    if self.strip_usage and self.answer.usage_seen and self.answer.choices_empty:
        return take_out(self, p, n)
    if self.upstream is not None and self.upstream.body == BODY_CLOSE:
        # Only then the stream's own end is all that tells it from a cut.
        self.terminated |= is_last_event(p, n)
    if models == 0 or name is None:
        return put(self, p, n)
    if models > 1:
        answer_start(&self.answer)
        put(self, p, at)
        relay_json(self, p, at, end)
        return put(self, p + end, n - end)
    put(self, p, model_at)
    put(self, <const uint8_t *>PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
    return put(self, p + model_end, n - model_end)


cdef inline Py_ssize_t byte_order_mark(const uint8_t *p, Py_ssize_t n) noexcept:
    """Return the length of the byte order mark at p[0], which a stream may begin with: 3 or 0."""
    return 3 if n >= 3 and memcmp(p, b"\xef\xbb\xbf", 3) == 0 else 0


cdef int take_out(Exchange self, const uint8_t *p, Py_ssize_t n) noexcept:
    """Leave out the event p[0 .. n), which was counted."""
    self.events -= 1
    # The LF that may follow a last CR belongs to it.
    self.dropping_lf = p[n - 1] == 13
    return 0


cdef int scan_event(Exchange self, const uint8_t *p, Py_ssize_t at, Py_ssize_t end, Py_ssize_t *model_at, Py_ssize_t *model_end) noexcept:
    """Follow an event's JSON p[at .. end): usage is noted, the value of its model found. Return how many models there are.

    Chunks of one stream begin alike, up to and with the model: what was scanned once is compared from then on.
    """
    cdef AnswerScan *a = &self.answer
    cdef Py_ssize_t i = at
    cdef int found = ANSWER_MORE, models = 0
    cdef bint plain
    answer_start(a)
    if self.prefix_n and end - at > self.prefix_n and memcmp(p + at, self.prefix, self.prefix_n) == 0:
        model_at[0] = at + self.prefix_model
        model_end[0] = at + self.prefix_n - 1
        models = 1
        a.depth = 1
        a.key = KEY_OTHER
        i = at + self.prefix_n
    while i < end:
        i = scan_answer(a, p, i, end, &found)
        if found == ANSWER_MODEL_START:
            models += 1
            if models == 1:
                model_at[0] = i
                model_end[0] = end
        elif found == ANSWER_MODEL_END and models == 1:
            model_end[0] = i
            plain = a.depth == 1 and not a.usage_seen and not a.choices_empty
            if plain and i + 1 - at <= <Py_ssize_t>sizeof(self.prefix):
                self.prefix_model = model_at[0] - at
                self.prefix_n = i + 1 - at
                memcpy(self.prefix, p + at, self.prefix_n)
    return models


# Names of events, and types of their data, that end a stream; an error is an end as well.
cdef tuple LAST_EVENTS = (b"message_stop", b"error", b"response.completed", b"response.failed", b"response.incomplete")


cdef bint is_last_event(const uint8_t *p, Py_ssize_t n) except? True:
    """Whether the event p[0 .. n) ends its stream: by its name or, without one, by the type that stands in its data."""
    cdef Py_ssize_t i = 0, stop
    cdef bytes name, data
    while i < n:
        stop = line_end(p, i, n)
        if stop - i > 6 and memcmp(p + i, b"event:", 6) == 0:
            return bytes_of(p + i + 6, stop - i - 6).strip(b" ") in LAST_EVENTS
        i = stop + 1
    data = bytes_of(p, n).replace(b" ", b"")
    for name in LAST_EVENTS:
        if b'"type":"' + name + b'"' in data:
            return True
    return False


cdef int relay_wide_event(Exchange self, const uint8_t *p, Py_ssize_t n) except -1:
    """Pass on an event of several data lines, or take it out if it is ours."""
    if self.strip_usage and is_usage_event(self, p, n):
        return take_out(self, p, n)
    if self.upstream is not None and self.upstream.body == BODY_CLOSE:
        self.terminated |= is_last_event(p, n)
    answer_start(&self.answer)
    self.line = LINE_NONE
    relay_lines(self, p, n, True)
    return 0


cdef bint is_usage_event(Exchange self, const uint8_t *p, Py_ssize_t n) noexcept:
    """Whether the event p[0 .. n), of several data lines, is a chunk that holds usage and no choice. Usage is noted on the way."""
    cdef Py_ssize_t i = 0, stop
    cdef int found = ANSWER_MORE
    answer_start(&self.answer)
    while i < n:
        stop = line_end(p, i, n)
        if stop - i > 5 and memcmp(p + i, b"data:", 5) == 0:
            i += 5
            while i < stop:
                i = scan_answer(&self.answer, p, i, stop, &found)
        i = stop + 1
    return self.answer.usage_seen and self.answer.choices_empty


cdef Py_ssize_t relay_lines(Exchange self, const uint8_t *p, Py_ssize_t n, bint whole) except -1:
    """Pass on an event line by line: its JSON continues over the data lines, others are not looked at.

    Return how much of p[0 .. n) was passed on: all if the event ends in it (*whole*), else without the start of a line
    that may become a data line, and without a last CR, whose LF may follow.
    """
    cdef Py_ssize_t i = 0, stop
    while i < n:
        stop = line_end(p, i, n)
        if self.line == LINE_NONE:
            if stop == n and n - i < 5 and not whole:
                return i
            self.line = LINE_OTHER
            if stop - i >= 5 and memcmp(p + i, b"data:", 5) == 0:
                self.line = LINE_DATA
                put(self, p + i, 5)
                i += 5
        if self.line == LINE_DATA:
            relay_json(self, p, i, stop)
        else:
            put(self, p + i, stop - i)
        if stop == n or (stop == n - 1 and p[stop] == 13 and not whole):
            return stop
        put(self, p + stop, 1)
        self.line = LINE_NONE
        i = stop + 1
    return n


cdef int relay_long_event(Exchange self) except -1:
    """An incomplete event outgrew what is held: it passes in pieces from here."""
    cdef const uint8_t *p = self.held.data + self.held.start
    cdef Py_ssize_t n = buffer_len(&self.held), used = 0
    if self.translation is not None:
        return translate_bound(self)
    self.holding = False
    if not self.event_open:
        self.event_open = True
        self.events += 1
        self.dropping_model = False
        self.line = LINE_NONE
        answer_start(&self.answer)
        used = byte_order_mark(p, n)
        put(self, p, used)
    used += relay_lines(self, p + used, n - used, False)
    relay_flush(self)
    if self.closed:
        return 0
    # The search goes on in what is left; a line that began before it is not empty.
    self.search.line_at -= used
    self.search.scanned -= used
    if used == n:
        buffer_free(&self.held)
    else:
        buffer_consume(&self.held, used)
    return 0


cdef int relay_flush(Exchange self) except -1:
    """Send this turn's output, behind the answer's head if that was not sent yet."""
    cdef Gather *g = &self.service.poller.gather
    cdef ClientConnection client = self.client
    cdef uint8_t size[20]
    cdef Py_ssize_t n
    if client is None and self.rival is None:
        gather_start(g)
        return 0
    if self.holding and not self.complete and keep_early(self, g):
        return 0
    if self.early.data != NULL:
        put_early(self, g)
    if g.content == 0 and not self.complete:
        return 0
    if client is None:
        if self.status >= 400:
            # A compressed error, which is not held to its end.
            return rival_goes_on(self, FAILURE_SERVER, 0) - 1
        client = take_client(self)
    if not self.head_sent:
        commit_head(self, g)
    if client.chunked_answer:
        # The last chunk and the end of the body go with it (RFC 9112 7.1).
        n = 0
        if g.content:
            n = fg_hex(size, g.content)
            size[n] = 13
            size[n + 1] = 10
            g.pieces[1].iov_base = size
            g.pieces[1].iov_len = n + 2
        end_chunk(g, g.content != 0, self.complete)
    if client.head_method:
        g.count = 2
        g.content = 0
        g.pieces[1].iov_len = 0
    self.bytes_out += g.content + g.pieces[0].iov_len
    if client.send_gathered():
        return 0
    if self.answer_head.data != NULL:
        buffer_free(&self.answer_head)
    if self.early.data != NULL:
        buffer_free(&self.early)
    if buffer_len(&client.out) > OUT_HIGH_BYTES and self.upstream is not None and not self.paused:
        self.paused = True
        watch(self.upstream, self.upstream.interest & ~<uint32_t>EPOLLIN)
    return 0


cdef int end_chunk(Gather *g, bint chunk, bint last) noexcept:
    """Append the CRLF of the chunk and the last chunk. There is room: gather keeps two pieces and 16 bytes back."""
    cdef const char *text = b"\r\n0\r\n\r\n"
    cdef Py_ssize_t skip = 0 if chunk else 2
    cdef Py_ssize_t n = (7 if last else 2) - skip
    if n <= 0:
        return 0
    memcpy(g.arena + g.used, text + skip, n)
    g.pieces[g.count].iov_base = g.arena + g.used
    g.pieces[g.count].iov_len = n
    g.count += 1
    g.used += n
    g.content += n
    return 0


cdef int commit_head(Exchange self, Gather *g) except -1:
    """Choose the answer's framing and put its head in front: from here its status cannot change."""
    cdef Buffer *b = &self.answer_head
    cdef ClientConnection client = self.client
    cdef int64_t now
    self.head_sent = True
    self.holding = False
    if self.hedgeable:
        settle_hedge(self)
    if self.ticket.open and not self.complete and self.status < 400:
        fleet_first_byte(self.service.fleet, &self.ticket, self.service.poller.now_us)
    if self.mode == MODE_STREAM:
        start_stream(self)
    if self.deployment is not None:
        head_number(b, b"x-fastgate-attempts: ", self.attempts)
    if self.hedge_deployment is not None:
        head_number(b, b"x-fastgate-hedged: ", 1)
    if self.deployment is not None and self.first_byte_us:
        now = monotonic_us()
        head_number(b, b"x-fastgate-overhead-us: ", self.overhead_us + now - self.first_byte_us)
        if self.service.litellm_headers:
            log_ms(b, b"x-litellm-overhead-duration-ms: ", self.overhead_us + now - self.first_byte_us)
            buffer_append(b, b"\r\n", 2)
        if self.complete:
            self.sent_us = now
    if self.complete:
        if self.status != 204 and self.status != 304:
            head_number(b, b"Content-Length: ", g.content)
    elif self.upstream_length >= 0 and (self.mode == MODE_RAW or self.mode == MODE_JSON and self.group.literal is None):
        # Not of JSON that is still to be spliced: a second model (message, response) may follow and change the length.
        head_number(b, b"Content-Length: ", self.upstream_length)
    elif client.minor == 1:
        client.chunked_answer = True
        buffer_append(b, b"Transfer-Encoding: chunked\r\n", 28)
    else:
        client.keep_alive = False
    if client.service.draining:
        client.keep_alive = False
    if not client.keep_alive:
        buffer_append(b, b"Connection: close\r\n", 19)
    elif client.minor == 0:
        buffer_append(b, b"Connection: keep-alive\r\n", 24)
    buffer_append(b, b"\r\n", 2)
    g.pieces[0].iov_base = b.data + b.start
    g.pieces[0].iov_len = buffer_len(b)
    if self.upstream is None or self.upstream.sent == self.request_bytes:
        free_request(self)
    return 0


cdef inline void free_request(Exchange self) noexcept:
    """The request is written and its answer has begun: neither is sent again."""
    buffer_free(&self.body)
    buffer_free(&self.original)
    buffer_free(&self.fields)
    body_let_go(self)


cdef int relay_end(Exchange self) except -1:
    """The provider's answer is complete: send what is left of it."""
    cdef bytes body
    if self.closed:
        return 0
    if self.translation is not None:
        return translate_end(self)
    if self.mode == MODE_ERROR:
        body = bytes_of(self.held.data + self.held.start, buffer_len(&self.held)) if self.held.data != NULL else b""
        if answer_failed(self, body):
            return 0
        if self.deployment.secret:
            body = body.replace(self.deployment.secret, b"***")
        buffer_free(&self.held)
        self.inserted = body
        put(self, <const uint8_t *>PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
    elif buffer_len(&self.held):
        relay_event(self, self.held.data + self.held.start, buffer_len(&self.held))
        if self.again or self.closed:
            return 0
    if self.holding and said_nothing(self):
        return 0
    self.complete = True
    relay_flush(self)
    buffer_free(&self.held)
    return 0


cdef bint relay_was_cut(Exchange self) noexcept:
    """Whether an answer whose end is the connection's end lacks the end that its stream should have."""
    return self.mode == MODE_EVENTS and self.operation.terminates and not self.terminated


cdef int relay_close(Exchange self) except -1:
    """The answer was sent: account for it and let the caller's connection go on."""
    cdef ClientConnection client = self.client
    if self.closed:
        return 0
    if client.broken:
        self.failure = "client_closed"
    self.service.close(self)
    return client.finish()


cdef int relay_fault(Exchange self, str code, str message) except -1:
    """The provider failed: an error of our own before the head was sent, else an error event, and no fake ending."""
    cdef ClientConnection client = self.client
    cdef bytes event
    cdef int failure
    cdef int64_t retry_after_us
    if self.closed:
        return 0
    relay_flush(self)
    if self.closed:
        return 0
    if not self.head_sent:
        return fault_unsent(self, code, message)
    failure, retry_after_us = failure_of(self, code, 0, b"")
    attempt_failed(self, failure, retry_after_us, code, message)
    self.failure = code
    if self.mode == MODE_EVENTS and self.event_open:
        # A large event had begun to pass: the error is an event of its own.
        put(self, b"\n\n", 2)
    if self.mode == MODE_EVENTS or self.mode == MODE_STREAM or self.mode == MODE_LINES:
        event = self.service.control.error_event(self, code, message)
        put(self, <const uint8_t *>PyBytes_AS_STRING(event), PyBytes_GET_SIZE(event))
        relay_flush(self)
    if self.closed:
        return 0
    self.service.close(self)
    client.keep_alive = False
    return client.linger()


cdef int relay_resume(Exchange self) except -1:
    """The caller has read enough: read the provider again."""
    if self.paused and self.upstream is not None:
        self.paused = False
        set_deadline(self.upstream, self.service.poller.now_us + self.deployment.gap_timeout_us)
        watch(self.upstream, self.upstream.interest | EPOLLIN)
        if self.upstream.tls is not None and (self.upstream.tls.closed or self.upstream.tls.reason is not None):
            # The socket will not tell of an end that the session knows already.
            return self.upstream.on_readable()
    return 0
