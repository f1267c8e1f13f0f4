# One request and what each step has learned about it, and the request that goes upstream.


cdef class Operation:
    """A row of `endpoints/`, bound. *body*: 0 none, 1 JSON, 2 multipart. *local*, if given, answers here."""

    def __init__(self, Py_ssize_t index, str name, str dialect, bytes method, *, str target, int body, bint streams,
                 bint terminates=False, bint usage_option=False, bytes id_field, local=None, bint public=False,
                 bint makes_ids=False, bint needs_model=False, str kind="", bint stream_default=False,
                 bint model_in_path=False, bint opaque=False):
        self.index = index
        self.name = name
        self.log_name = name.encode()
        self.dialect = dialect
        self.dialect_bit = dialect_bit(dialect)
        self.method = method
        self.target = target
        self.body = body
        self.streams = streams
        self.terminates = terminates
        self.usage_option = usage_option
        self.id_field = id_field
        self.local = local
        self.public = public
        self.makes_ids = makes_ids
        self.needs_model = needs_model
        self.kind = kind
        self.kind_bit = kind_bit(kind)
        self.stream_default = stream_default
        self.model_in_path = model_in_path
        self.opaque = opaque


cdef class Exchange:
    def __dealloc__(self):
        exchange_free(self)

    @property
    def body_bytes(self):
        """A copy of the request's body."""
        return bytes_of(self.body.data + self.body.start, buffer_len(&self.body)) if self.body.data != NULL else b""

    @property
    def original_body(self):
        """A copy of the request's body as it came, without what was meant for the gateway."""
        if self.original.data == NULL:
            return self.body_bytes
        return bytes_of(self.original.data + self.original.start, buffer_len(&self.original))


cdef inline void body_let_go(Exchange self) noexcept:
    """The request's body is no more."""
    self.service.bodies_bytes -= self.body_bytes_held
    self.body_bytes_held = 0


cdef inline void exchange_free(Exchange self) noexcept:
    buffer_free(&self.fields)
    buffer_free(&self.body)
    buffer_free(&self.original)
    buffer_free(&self.early)
    buffer_free(&self.answer_head)
    buffer_free(&self.held)


cdef int keep_fields(Exchange self, Head *head) except -1:
    """Keep what the steps and the provider need of the client's fields; everything else of them ends here."""
    cdef int i
    cdef Field *f
    for i in range(head.count):
        f = &head.fields[i]
        if f.passed == 1:
            if head.nominated and is_nominated(head, f.name):
                continue
            if f.known == FIELD_ANTHROPIC_VERSION:
                self.has_version = True
            buffer_append(&self.fields, f.name.at, f.name.n)
            buffer_append(&self.fields, b": ", 2)
            buffer_append(&self.fields, f.value.at, f.value.n)
            buffer_append(&self.fields, b"\r\n", 2)
        elif f.known == FIELD_X_REQUEST_ID:
            if is_plain_id(f.value):
                self.request_id = bytes_of(f.value.at, f.value.n)
        elif f.known == FIELD_ACCEPT_ENCODING:
            self.accept_encoding = bytes_of(f.value.at, f.value.n)
        elif f.known == FIELD_CONTENT_TYPE:
            if self.operation.body == 2:
                self.content_type = bytes_of(f.value.at, f.value.n)
        elif f.known == FIELD_ORIGIN:
            if self.service.cors:
                self.origin = bytes_of(f.value.at, f.value.n)
        elif f.known == FIELD_REQUESTED_HEADERS:
            self.requested_fields = bytes_of(f.value.at, f.value.n)
        elif f.known == FIELD_X_FASTGATE_MODEL:
            self.wanted_model = bytes_of(f.value.at, f.value.n)
        elif f.known == FIELD_X_LITELLM_TAGS:
            self.tags = bytes_of(f.value.at, f.value.n)
        elif f.known == FIELD_X_LITELLM_SESSION_ID:
            self.session_id = bytes_of(f.value.at, f.value.n)
        elif f.known == FIELD_X_FASTGATE_PRIORITY:
            self.priority = priority_of(f.value)
    return 0


cdef int priority_of(Span v) noexcept:
    """Return the number that a field says; -1 if it says none from 0 to MOST_PRIORITY."""
    cdef Py_ssize_t i
    cdef int number = 0
    if not 1 <= v.n <= 5:
        return -1
    for i in range(v.n):
        if not 48 <= v.at[i] <= 57:
            return -1
        number = number * 10 + v.at[i] - 48
    return number if number <= MOST_PRIORITY else -1


cdef bint is_plain_id(Span v) noexcept:
    """Whether a caller's request id can be taken over: 1 to 128 letters, digits and -._:/=+ ."""
    cdef Py_ssize_t i
    cdef uint8_t c
    if not 1 <= v.n <= 128:
        return False
    for i in range(v.n):
        c = v.at[i]
        if not (48 <= c <= 57 or 65 <= (c & 0xDF) <= 90 and c & 0x40 or c in (45, 46, 95, 58, 47, 61, 43)):
            return False
    return True


cdef dict take_wishes(Exchange self):
    """Take the members out of the body that are meant for the gateway; the rest stays as it is. Return their JSON by name."""
    cdef RequestScan *s = &self.scan
    cdef const uint8_t *p = self.body.data + self.body.start
    cdef Py_ssize_t n = buffer_len(&self.body), at = 0
    cdef int i
    cdef dict wishes = {}
    cdef Buffer kept
    memset(&kept, 0, sizeof(Buffer))
    buffer_reserve(&kept, n)
    for i in range(s.own_count):
        wishes[OWN_NAMES[s.own_member[i]]] = bytes_of(p + s.own_at[i], s.own_end[i] - s.own_at[i])
        buffer_append(&kept, p + at, s.own_key_at[i] - at)
        at = skip_space(p, s.own_end[i], n)
        if p[at] == 44:
            at = skip_space(p, at + 1, n)
            continue
        # The last member: the comma before it goes.
        while kept.end > 1 and kept.data[kept.end - 1] <= 32:
            kept.end -= 1
        if kept.data[kept.end - 1] == 44:
            kept.end -= 1
    buffer_append(&kept, p + at, n - at)
    buffer_free(&self.body)
    self.body = kept
    scan_request(s, kept.data, kept.end)
    return wishes


# --- the upstream request: head, client's fields, length, and the body around what is replaced in it

cdef inline void add_piece(Exchange self, const void *p, Py_ssize_t n) noexcept:
    if n > 0:
        self.pieces[self.piece_count].iov_base = <void *>p
        self.pieces[self.piece_count].iov_len = n
        self.piece_count += 1
        self.request_bytes += n


cdef bytes target_head(Exchange self):
    """Return the upstream request's head up to the client's fields, made once per deployment and operation."""
    cdef Deployment d = self.deployment
    cdef Operation o = self.operation
    cdef object head
    if d.credentials is not None:
        # Tokens change.
        return d.build_target(o, self.query, self.path_id)
    if self.path_id is None and not self.query:
        while len(d.targets) <= o.index:
            d.targets.append(None)
        head = d.targets[o.index]
        if head is None:
            head = d.targets[o.index] = d.build_target(o, b"", None)
        return head
    if self.path_id is not None:
        return d.build_target(o, self.query, self.path_id)
    head = d.other_targets.get((o.index, self.query))
    if head is None:
        head = d.build_target(o, self.query, None)
        if len(d.other_targets) < 256:
            d.other_targets[(o.index, self.query)] = head
    return head


cdef int build_request(Exchange self) except -1:
    """Put the upstream request together; the body stays where it is, its model is replaced in place."""
    cdef RequestScan *s = &self.scan
    cdef const uint8_t *body = self.body.data + self.body.start
    cdef Py_ssize_t n = buffer_len(&self.body), length, at, end, second = n, second_end = n
    cdef Py_ssize_t digits
    cdef bytes model = self.deployment.model
    cdef const char *model_text = PyBytes_AS_STRING(model)
    cdef Py_ssize_t model_n = PyBytes_GET_SIZE(model)
    cdef bint options_first
    self.piece_count = 0
    self.request_bytes = 0
    self.inserted = None
    at = end = 0
    if s.model_end:
        at = s.model_at + 1
        end = s.model_end - 1
    else:
        model_n = 0
    if self.operation.body == 1 and not s.model_end and self.path_model is not None and not self.operation.model_in_path:
        self.inserted = b'"model":"' + model + (b'"' if s.close_at == skip_space(body, s.open_at, n) else b'",')
        at = end = s.open_at
        model_text = PyBytes_AS_STRING(self.inserted)
        model_n = PyBytes_GET_SIZE(self.inserted)
    cdef bytes usage = usage_splice(self, &second, &second_end)
    length = n - (end - at) + model_n - (second_end - second) + (PyBytes_GET_SIZE(usage) if usage is not None else 0)
    self.head = target_head(self)
    self.usage_text = usage
    add_piece(self, PyBytes_AS_STRING(self.head), PyBytes_GET_SIZE(self.head))
    add_piece(self, self.fields.data + self.fields.start, buffer_len(&self.fields))
    if not self.has_version:
        add_piece(self, PyBytes_AS_STRING(self.deployment.version_field), PyBytes_GET_SIZE(self.deployment.version_field))
    if self.content_type is not None:
        self.content_type_line = b"Content-Type: " + self.content_type + b"\r\n"
        add_piece(self, PyBytes_AS_STRING(self.content_type_line), PyBytes_GET_SIZE(self.content_type_line))
    if self.operation.body or n:
        memcpy(self.tail, b"Content-Length: ", 16)
        digits = 16 + fg_decimal(self.tail + 16, length)
        memcpy(self.tail + digits, b"\r\n\r\n", 4)
        add_piece(self, self.tail, digits + 4)
    else:
        memcpy(self.tail, b"\r\n", 2)
        add_piece(self, self.tail, 2)
    options_first = usage is not None and second < at
    if options_first:
        add_piece(self, body, second)
        add_piece(self, PyBytes_AS_STRING(usage), PyBytes_GET_SIZE(usage))
        add_piece(self, body + second_end, at - second_end)
        add_piece(self, model_text, model_n)
        add_piece(self, body + end, n - end)
        return 0
    add_piece(self, body, at)
    add_piece(self, model_text, model_n)
    add_piece(self, body + end, second - end)
    if usage is not None:
        add_piece(self, PyBytes_AS_STRING(usage), PyBytes_GET_SIZE(usage))
        add_piece(self, body + second_end, n - second_end)
    return 0


cdef bint asks_no_usage(Exchange self) noexcept:
    """Whether `stream_options`, if the body has it, can be read: an object or null, its include_usage false or null."""
    cdef RequestScan *s = &self.scan
    cdef const uint8_t *p = self.body.data + self.body.start
    if s.include_end:
        return p[s.include_at] == 102 or p[s.include_at] == 110  # false, null
    return not s.options_end or s.options_open or p[s.options_at] == 110


cdef bytes usage_splice(Exchange self, Py_ssize_t *at, Py_ssize_t *end):
    """Return what must replace body[at .. end) so that the stream tells its usage; None if it does already."""
    cdef RequestScan *s = &self.scan
    self.strip_usage = False
    if not (self.stream and self.operation.usage_option and self.deployment.stream_usage) or s.include_usage:
        return None
    if not asks_no_usage(self):
        # Wrong in itself, which is the provider's to say.
        return None
    self.strip_usage = True
    if s.include_end:
        at[0] = s.include_at
        end[0] = s.include_end
        return b"true"
    if s.options_open:
        at[0] = end[0] = s.options_open
        return b'"include_usage":true' if s.options_empty else b'"include_usage":true,'
    if s.options_end:
        at[0] = s.options_at
        end[0] = s.options_end
        return b'{"include_usage":true}'
    at[0] = end[0] = s.close_at
    # `stream` stands in the object: it is not empty.
    return b',"stream_options":{"include_usage":true}'
