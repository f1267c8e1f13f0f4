# HTTP/1.1 messages (RFC 9112), both roles, strict: reject instead of repair, close on any doubt.
# Rule 1: a head is parsed only when it is complete and lies in one piece.
# Rule 2: CRLF ends a line; a CR or LF on its own is an error wherever it stands.
# Rule 3: nothing here allocates; a Head points into the caller's bytes and is valid only as long as they are.

cdef extern from *:
    """
    struct fg_known { uint8_t n; uint8_t id; uint8_t pass; const char *name; };
    /* Sorted by length. pass: 1 = a client's goes upstream, 2 = an upstream's goes to the client. */
    static const struct fg_known fg_known_fields[] = {
        {4, 1, 0, "host"}, {6, 2, 1, "accept"}, {6, 3, 0, "expect"}, {6, 4, 0, "origin"},
        {7, 5, 0, "api-key"}, {7, 6, 0, "upgrade"},
        {9, 7, 0, "x-api-key"},
        {10, 8, 0, "connection"}, {10, 9, 2, "request-id"},
        {11, 10, 1, "openai-beta"}, {11, 11, 2, "retry-after"}, {11, 12, 1, "traceparent"},
        {12, 13, 2, "content-type"}, {12, 14, 2, "x-request-id"},
        {13, 15, 0, "authorization"}, {14, 16, 0, "content-length"}, {14, 17, 2, "openai-version"},
        {14, 18, 1, "anthropic-beta"}, {14, 19, 0, "x-goog-api-key"}, {14, 20, 2, "retry-after-ms"},
        {14, 21, 2, "x-should-retry"}, {14, 33, 0, "x-litellm-tags"},
        {15, 22, 0, "accept-encoding"}, {15, 23, 1, "idempotency-key"},
        {16, 24, 0, "x-fastgate-model"}, {16, 25, 2, "content-encoding"}, {17, 26, 0, "transfer-encoding"},
        {17, 27, 1, "anthropic-version"}, {17, 28, 0, "x-litellm-api-key"},
        {19, 29, 2, "content-disposition"}, {19, 35, 0, "x-fastgate-priority"}, {20, 30, 2, "openai-processing-ms"},
        {20, 34, 0, "x-litellm-session-id"},
        {29, 31, 0, "access-control-request-method"}, {30, 32, 0, "access-control-request-headers"},
        {255, 0, 0, 0},
    };
    /* The id of a field name given in lower case; 0 is any other name. *pass as above. */
    static inline int fg_field_id(const uint8_t *name, ptrdiff_t n, uint8_t *pass) {
        /* First row of each length. */
        static const uint8_t first[] = {0, 0, 0, 0, 0, 1, 1, 4, 6, 6, 7, 9, 12, 14, 15, 22, 24, 26, 29, 29, 31, 33};
        *pass = 0;
        for (const struct fg_known *k = fg_known_fields + (n < 22 ? first[n] : 33); k->n <= n; k++)
            if (k->n == n && k->name[0] == (char)name[0] && !memcmp(k->name, name, (size_t)n)) { *pass = k->pass; return k->id; }
        if (n > 12 && !memcmp(name, "x-ratelimit-", 12)) *pass = 2;
        else if (n > 20 && !memcmp(name, "anthropic-ratelimit-", 20)) *pass = 2;
        return 0;
    }
    """
    int fg_field_id(const uint8_t *name, Py_ssize_t n, uint8_t *passed) noexcept


# What is wrong with the bytes -> (code of fastgate.errors when a client sent them, what was seen and is expected).
cdef dict FAULTS = {
    FAULT_BARE_LF: ("bad_http", "a line ends in LF without CR; lines end in CRLF"),
    FAULT_BARE_CR: ("bad_http", "a CR stands without LF; lines end in CRLF"),
    FAULT_EMPTY_LINES: ("bad_http", "more than two empty lines stand before the request line"),
    FAULT_REQUEST_LINE: ("bad_http", "the request line is not METHOD SP TARGET SP HTTP/1.1"),
    FAULT_TARGET: ("bad_http", "the request target is not a path, an absolute URL or *"),
    FAULT_VERSION: ("http_version_not_supported", "the HTTP version is neither HTTP/1.1 nor HTTP/1.0"),
    FAULT_FIELD_NAME: ("bad_http", "a field line has no name, a name that is no token, or space before the colon"),
    FAULT_FOLD: ("bad_http", "a field line starts with white space (obsolete line folding)"),
    FAULT_FIELD_VALUE: ("bad_http", "a field value holds a control character"),
    FAULT_HOST: ("bad_http", "an HTTP/1.1 request has exactly one valid Host field"),
    FAULT_CONTENT_LENGTH: ("bad_http", "Content-Length is not one field of 1 to 18 digits"),
    FAULT_LENGTH_AND_CHUNKED: ("bad_http", "Content-Length and Transfer-Encoding stand together"),
    FAULT_TRANSFER_ENCODING: ("bad_http", "Transfer-Encoding is not one field in an HTTP/1.1 message"),
    FAULT_CODING: ("transfer_coding_not_supported", "Transfer-Encoding is not exactly `chunked`"),
    FAULT_CHUNK: ("bad_http", "the chunked body is broken: a size line, its extensions or the CRLF behind the data"),
    FAULT_TRAILER: ("bad_http", "the trailer section is broken or too large"),
    FAULT_LINE_LONG: ("target_too_long", "the request line is longer than the limit"),
    FAULT_HEAD_LARGE: ("head_too_large", "the head is larger than the limit"),
    FAULT_FIELD_COUNT: ("head_too_large", "the head has more fields than the limit"),
    FAULT_BODY_LARGE: ("body_too_large", "the body is larger than the limit"),
    FAULT_STATUS_LINE: ("bad_http", "the status line is not HTTP/1.x SP three digits"),
}


cdef int find_head_end(HeadSearch *s, const uint8_t *p, Py_ssize_t n, Py_ssize_t *length) noexcept:
    """Look for the empty line that ends a head in p[0 .. n); resumable with more bytes at the same place.

    Return 0 and the head's length, -1 if it is not complete yet, or the fault.
    """
    cdef const uint8_t *lf
    cdef Py_ssize_t at
    while True:
        lf = <const uint8_t *>memchr(p + s.scanned, 10, n - s.scanned)
        if lf == NULL:
            s.scanned = n
            if n - s.line_at > s.line_limit and s.line_at == 0:
                return FAULT_LINE_LONG
            return FAULT_HEAD_LARGE if n > s.head_limit else -1
        at = lf - p
        if at == s.line_at or p[at - 1] != 13:
            return FAULT_BARE_LF
        if s.line_at == 0 and at > s.line_limit:
            return FAULT_LINE_LONG
        if at + 1 > s.head_limit:
            return FAULT_HEAD_LARGE
        s.scanned = at + 1
        if at - s.line_at == 1:
            length[0] = at + 1
            return 0
        s.line_at = at + 1


cdef int parse_request_line(Head *h, const uint8_t *p, Py_ssize_t n) noexcept:
    """Read METHOD SP TARGET SP VERSION from p[0 .. n), without CRLF. Return 0 or the fault. RFC 9112 3."""
    cdef Py_ssize_t i = 0, start
    while i < n and fg_token[p[i]]:
        i += 1
    if i == 0 or i >= n or p[i] != 32:
        return FAULT_REQUEST_LINE
    h.method.at = p
    h.method.n = i
    i += 1
    start = i
    while i < n and 0x21 <= p[i] <= 0x7E:
        i += 1
    if i == start or i >= n or p[i] != 32:
        return FAULT_REQUEST_LINE
    h.target.at = p + start
    h.target.n = i - start
    i += 1
    if n - i < 5 or memcmp(p + i, b"HTTP/", 5):
        return FAULT_REQUEST_LINE
    if n - i != 8 or not 48 <= p[i + 5] <= 57 or p[i + 6] != 46 or not 48 <= p[i + 7] <= 57:
        return FAULT_REQUEST_LINE
    if p[i + 5] != 49 or p[i + 7] > 49:
        return FAULT_VERSION
    h.minor = p[i + 7] - 48
    return parse_target(h)


cdef int parse_target(Head *h) noexcept:
    """Split the target into path and query; an absolute-form's authority is not used for anything. RFC 9112 3.2."""
    cdef const uint8_t *p = h.target.at
    cdef const uint8_t *found
    cdef Py_ssize_t n = h.target.n
    if n > 7 and fg_is_word(p, 7, b"http://"):
        p += 7
        n -= 7
    elif n > 8 and fg_is_word(p, 8, b"https://"):
        p += 8
        n -= 8
    if p != h.target.at:
        found = <const uint8_t *>memchr(p, 47, n)
        if found == NULL or found == p or memchr(p, 64, found - p) != NULL or memchr(p, 63, found - p) != NULL:
            return FAULT_TARGET
        n -= found - p
        p = found
    elif p[0] != 47 and not (n == 1 and p[0] == 42):
        # authority-form belongs to CONNECT alone, which is refused by method.
        if not fg_is_word(h.method.at, h.method.n, b"connect"):
            return FAULT_TARGET
    if memchr(p, 35, n) != NULL:  # a fragment is never sent (RFC 9110 4.2.5)
        return FAULT_TARGET
    h.path.at = p
    found = <const uint8_t *>memchr(p, 63, n)
    if found == NULL:
        h.path.n = n
        h.query.at = p + n
        h.query.n = 0
    else:
        h.path.n = found - p
        h.query.at = found + 1
        h.query.n = n - h.path.n - 1
    return 0


cdef int parse_status_line(Head *h, const uint8_t *p, Py_ssize_t n) noexcept:
    """Read HTTP/1.x SP CODE [SP reason] from p[0 .. n), without CRLF. Return 0 or the fault. RFC 9112 4."""
    cdef int i
    if n < 12 or memcmp(p, b"HTTP/1.", 7) or not 48 <= p[7] <= 49 or p[8] != 32:
        return FAULT_STATUS_LINE
    h.minor = p[7] - 48
    h.status = 0
    for i in range(9, 12):
        if not 48 <= p[i] <= 57:
            return FAULT_STATUS_LINE
        h.status = h.status * 10 + p[i] - 48
    if h.status < 100 or (n > 12 and p[12] != 32):
        return FAULT_STATUS_LINE
    if fg_field_content(p + 12, n - 12) != n - 12:
        return FAULT_STATUS_LINE
    return 0


cdef int parse_head(Head *h, const uint8_t *p, Py_ssize_t n, bint request, int max_fields) noexcept:
    """Parse the complete head p[0 .. n), its last empty line included. Return 0 or the fault."""
    cdef const uint8_t *end = <const uint8_t *>memchr(p, 10, n)
    cdef int fault
    h.count = 0
    h.content_length = -1
    h.path.at = NULL
    h.chunked = h.close = h.keep = h.nominated = h.te_seen = h.host_seen = False
    fault = parse_request_line(h, p, end - p - 1) if request else parse_status_line(h, p, end - p - 1)
    if fault:
        return fault
    n -= end + 1 - p
    p = end + 1
    while p[0] != 13 or p[1] != 10:
        if h.count >= max_fields or h.count >= MAX_FIELDS:
            return FAULT_FIELD_COUNT
        end = p
        fault = parse_field(h, &h.fields[h.count], &p, n)
        if fault:
            return fault
        h.count += 1
        n -= p - end
    if h.te_seen and h.content_length >= 0:
        return FAULT_LENGTH_AND_CHUNKED
    if request and h.minor == 1 and not h.host_seen:
        return FAULT_HOST
    return 0


cdef int parse_field(Head *h, Field *f, const uint8_t **cursor, Py_ssize_t n) noexcept:
    """Read the field line at *cursor*, and what framing needs to know of it; n bytes of the head are left, the last CRLF among them.

    Move *cursor* behind the line. RFC 9112 5.
    """
    cdef const uint8_t *p = cursor[0]
    cdef uint8_t lower[64]
    cdef uint8_t c
    cdef Py_ssize_t i = 0, end
    if p[0] == 32 or p[0] == 9:
        return FAULT_FOLD
    while True:
        c = fg_token[p[i]]
        if not c:
            break
        if i < 64:
            lower[i] = c
        i += 1
    if i == 0 or p[i] != 58:
        return FAULT_BARE_CR if p[i] == 13 and p[i + 1] != 10 else FAULT_FIELD_NAME
    f.name.at = p
    f.name.n = i
    f.passed = 0
    f.known = fg_field_id(lower, i, &f.passed) if i <= 64 else 0
    i += 1
    while p[i] == 32 or p[i] == 9:
        i += 1
    # The line's CR is the first byte that a value cannot hold.
    end = i + fg_field_content(p + i, n - i)
    if p[end] != 13 or p[end + 1] != 10:
        return FAULT_BARE_CR if p[end] == 13 else FAULT_FIELD_VALUE
    cursor[0] = p + end + 2
    while end > i and (p[end - 1] == 32 or p[end - 1] == 9):
        end -= 1
    f.value.at = p + i
    f.value.n = end - i
    if f.known == FIELD_CONTENT_LENGTH:
        return parse_content_length(h, f.value)
    if f.known == FIELD_TRANSFER_ENCODING:
        if h.te_seen or h.minor == 0:
            return FAULT_TRANSFER_ENCODING
        h.te_seen = True
        if not fg_is_word(f.value.at, f.value.n, b"chunked"):
            return FAULT_CODING
        h.chunked = True
    elif f.known == FIELD_CONNECTION:
        parse_connection(h, f.value)
    elif f.known == FIELD_HOST:
        if h.host_seen or not host_is_valid(f.value):
            return FAULT_HOST
        h.host_seen = True
    return 0


cdef int parse_content_length(Head *h, Span v) noexcept:
    """Read 1*DIGIT, at most 18 of them, so that no sum overflows; a second field is refused even if equal."""
    cdef Py_ssize_t i
    cdef int64_t value = 0
    if h.content_length >= 0 or not 1 <= v.n <= 18:
        return FAULT_CONTENT_LENGTH
    for i in range(v.n):
        if not 48 <= v.at[i] <= 57:
            return FAULT_CONTENT_LENGTH
        value = value * 10 + v.at[i] - 48
    h.content_length = value
    return 0


cdef void parse_connection(Head *h, Span v) noexcept:
    """Read the comma list of connection options. RFC 9110 7.6.1."""
    cdef Py_ssize_t i = 0, start, end
    while i < v.n:
        while i < v.n and (v.at[i] == 44 or v.at[i] == 32 or v.at[i] == 9):
            i += 1
        start = i
        while i < v.n and v.at[i] != 44:
            i += 1
        end = i
        while end > start and (v.at[end - 1] == 32 or v.at[end - 1] == 9):
            end -= 1
        if end == start:
            continue
        if fg_is_word(v.at + start, end - start, b"close"):
            h.close = True
        elif fg_is_word(v.at + start, end - start, b"keep-alive"):
            h.keep = True
        else:
            h.nominated = True


cdef bint is_nominated(Head *h, Span name) noexcept:
    """Whether a Connection field names this field as hop-by-hop."""
    cdef int i
    cdef Py_ssize_t at
    cdef Span v
    for i in range(h.count):
        if h.fields[i].known != FIELD_CONNECTION:
            continue
        v = h.fields[i].value
        for at in range(v.n - name.n + 1):
            if at and fg_token[v.at[at - 1]]:
                continue
            if at + name.n < v.n and fg_token[v.at[at + name.n]]:
                continue
            if same_token(v.at + at, name.at, name.n):
                return True
    return False


cdef bint same_token(const uint8_t *a, const uint8_t *b, Py_ssize_t n) noexcept:
    """Whether two tokens of n bytes are equal in any ASCII case."""
    cdef Py_ssize_t i
    for i in range(n):
        if not fg_token[a[i]] or fg_token[a[i]] != fg_token[b[i]]:
            return False
    return True


cdef bint host_is_valid(Span v) noexcept:
    """Whether *v* is uri-host [":" port] (RFC 9110 7.2); its value is used for nothing."""
    cdef Py_ssize_t i = 0, digits
    cdef uint8_t c
    if v.n and v.at[0] == 91:  # [ IP-literal
        while i < v.n and v.at[i] != 93:
            c = v.at[i]
            if i and hex_digit(c) < 0 and c != 58 and c != 46:
                return False
            i += 1
        if i >= v.n:
            return False
        i += 1
    else:
        while i < v.n and v.at[i] != 58:
            c = v.at[i]
            # unreserved, sub-delims and % of RFC 3986 3.2.2
            if not (fg_token[c] or c == 40 or c == 41 or c == 44 or c == 59 or c == 61) or c in (35, 94, 96, 124):
                return False
            i += 1
    if i == v.n:
        return True
    if v.at[i] != 58 or v.n - i > 6:
        return False
    for digits in range(i + 1, v.n):
        if not 48 <= v.at[digits] <= 57:
            return False
    return True


cdef Span find_field(Head *h, int known) noexcept:
    """Return the first field's value, or one whose `at` is NULL."""
    cdef Span none
    cdef int i
    for i in range(h.count):
        if h.fields[i].known == known:
            return h.fields[i].value
    none.at = NULL
    none.n = 0
    return none


# --- chunked (RFC 9112 7.1)

cdef inline void chunked_start(Chunked *c, int64_t limit, int64_t chunk_limit) noexcept:
    c.state = CHUNK_SIZE
    c.left = 0
    c.digits = 0
    c.line = 0
    c.extensions = 0
    c.total = 0
    c.limit = limit
    c.chunk_limit = chunk_limit


cdef int chunked_next(Chunked *c, const uint8_t **cursor, const uint8_t *end, Span *content) noexcept:
    """Advance *cursor* to the next piece of content.

    Return CHUNKED_CONTENT with *content* set, CHUNKED_MORE when the input is used up, CHUNKED_DONE behind the
    trailer section, or the fault (positive, of Fault).
    """
    cdef const uint8_t *p = cursor[0]
    cdef uint8_t b
    cdef int digit
    while p < end:
        b = p[0]
        if c.state == CHUNK_CONTENT:
            content.at = p
            content.n = min(<int64_t>(end - p), c.left)
            c.left -= content.n
            if c.left == 0:
                c.state = CHUNK_CONTENT_CR
            cursor[0] = p + content.n
            return CHUNKED_CONTENT
        p += 1
        if c.state == CHUNK_SIZE:
            digit = hex_digit(b)
            if digit >= 0:
                # Cannot overflow: left is at most chunk_limit before each step.
                c.left = c.left * 16 + digit
                c.digits += 1
                # Leading zeros count: without a bound a size line would never end. - h11: 20
                if c.digits > 20 or c.left > c.chunk_limit:
                    return FAULT_CHUNK if c.digits > 20 else FAULT_BODY_LARGE
                continue
            if c.digits == 0:
                return FAULT_CHUNK
            if b == 13:
                c.state = CHUNK_SIZE_LF
            elif b == 59:
                # White space before the semicolon (BWS) is refused, as h11 does: only attackers send it.
                c.state = CHUNK_EXTENSION
                c.line = 1
                c.extensions += 1
            else:
                return FAULT_CHUNK
        elif c.state == CHUNK_EXTENSION:
            c.extensions += 1
            if b == 13:
                c.state = CHUNK_SIZE_LF
                continue
            c.line += 1
            # - nginx: 4 KiB since CVE-2024-22019's kin - Node: 16 KiB a message
            if c.line > 256 or c.extensions > 4096 or b < 0x20 and b != 9 or b == 0x7F:
                return FAULT_CHUNK
        elif c.state == CHUNK_SIZE_LF:
            if b != 10:
                return FAULT_CHUNK
            c.total += c.left
            if c.total > c.limit:
                return FAULT_BODY_LARGE
            c.state = CHUNK_CONTENT if c.left else CHUNK_TRAILER_START
            c.digits = 0
            c.line = 0
        elif c.state == CHUNK_CONTENT_CR:
            if b != 13:
                return FAULT_CHUNK
            c.state = CHUNK_CONTENT_LF
        elif c.state == CHUNK_CONTENT_LF:
            if b != 10:
                return FAULT_CHUNK
            c.state = CHUNK_SIZE
            c.left = 0
        else:
            digit = chunked_trailer(c, b)
            if digit:
                cursor[0] = p
                return digit
    cursor[0] = p
    return CHUNKED_MORE


cdef int chunked_trailer(Chunked *c, uint8_t b) noexcept:
    """Read one byte of the trailer section, which is checked as fields are and dropped. Return 0, DONE or the fault."""
    c.line += 1
    if c.line > 8192:
        return FAULT_TRAILER
    if c.state == CHUNK_TRAILER_START:
        if b == 13:
            c.state = CHUNK_END_LF
        elif fg_token[b]:
            c.state = CHUNK_TRAILER_NAME
        else:
            return FAULT_TRAILER
    elif c.state == CHUNK_TRAILER_NAME:
        if b == 58:
            c.state = CHUNK_TRAILER_VALUE
        elif not fg_token[b]:
            return FAULT_TRAILER
    elif c.state == CHUNK_TRAILER_VALUE:
        if b == 13:
            c.state = CHUNK_TRAILER_LF
        elif b < 0x20 and b != 9 or b == 0x7F:
            return FAULT_TRAILER
    elif c.state == CHUNK_TRAILER_LF:
        if b != 10:
            return FAULT_TRAILER
        c.state = CHUNK_TRAILER_START
    else:  # CHUNK_END_LF
        return CHUNKED_DONE if b == 10 else FAULT_TRAILER
    return 0
