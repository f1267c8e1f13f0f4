# Long texts of a request, carried from one dialect's body into another's as they stand: what nobody looks into is not decoded.

cdef enum:
    # A shorter text is decoded sooner than it is carried.
    TEXT_BYTES = 512
    # Deeper in a body stands no text of a message.
    TEXT_DEPTH = 16

cdef extern from *:
    """
    /* Whether backslash and `u` stand side by side in p[0 .. n). memmem takes ten times as long for a word of two bytes. */
    static int fg_has_u_escape(const uint8_t *p, ptrdiff_t n) {
        ptrdiff_t i = 0;
    #if defined(__SSE2__)
        const __m128i slash = _mm_set1_epi8(0x5c), u = _mm_set1_epi8('u');
        for (; n - i >= 17; i += 16) {
            __m128i at = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(p + i)), slash);
            __m128i behind = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(p + i + 1)), u);
            if (_mm_movemask_epi8(_mm_and_si128(at, behind))) return 1;
        }
    #endif
        for (; i + 1 < n; i++)
            if (p[i] == 0x5c && p[i + 1] == 'u') return 1;
        return 0;
    }
    """
    bint fg_has_u_escape(const uint8_t *p, Py_ssize_t n) noexcept


def hold_texts(bytes body not None, bytes mark not None):
    """Return a JSON body with *mark* and six digits for each long text, and the texts as they stood there; None if there is none."""
    cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(body)
    cdef Py_ssize_t n = PyBytes_GET_SIZE(body), i = 0, copied = 0, start, end, depth = 0
    cdef bint within[TEXT_DEPTH]  # every member on the way to this depth leads to texts
    cdef bint leads = False  # as does the one that is read
    cdef int escaped = 0
    cdef list texts = []
    cdef object view = memoryview(body)
    cdef Buffer skeleton
    memset(&skeleton, 0, sizeof(Buffer))
    try:
        while i < n:
            if p[i] == 34:
                start = i + 1
                escaped = 0
                end = fg_closing_quote(p + start, n - start, &escaped)
                end += start
                if end == n:
                    return None
                i = skip_space(p, end + 1, n)
                if i < n and p[i] == 58:
                    leads = 0 < depth < TEXT_DEPTH and within[depth] and is_way_to_text(p + start, end - start, depth)
                elif leads and end - start >= TEXT_BYTES and not fg_has_u_escape(p + start, end - start):
                    start += blank_start(p + start, end - start)
                    end = start + blank_end(p + start, end - start)
                    if end - start >= TEXT_BYTES:
                        buffer_append(&skeleton, p + copied, start - copied)
                        head_text(&skeleton, b"%b%06d" % (mark, len(texts)))
                        texts.append(view[start:end])
                        copied = end
                continue
            if p[i] == 123 or p[i] == 91:
                depth += 1
                if 0 < depth < TEXT_DEPTH:
                    within[depth] = leads or depth == 1
            elif p[i] == 125 or p[i] == 93:
                depth -= 1
            elif p[i] == 44:
                # Of an array each element is what the array is; of an object the next key says it.
                leads = 0 < depth < TEXT_DEPTH and within[depth]
            i += 1
        if not texts:
            return None
        buffer_append(&skeleton, p + copied, n - copied)
        return bytes_of(skeleton.data + skeleton.start, buffer_len(&skeleton)), texts
    finally:
        buffer_free(&skeleton)


cdef bint is_way_to_text(const uint8_t *key, Py_ssize_t n, Py_ssize_t depth) noexcept:
    """Whether a member holds texts of messages, or what holds them. Arguments, schemas, sources and data are under other names."""
    if depth == 1:
        return n == 8 and memcmp(key, b"messages", 8) == 0 or n == 6 and memcmp(key, b"system", 6) == 0
    return n == 7 and memcmp(key, b"content", 7) == 0 or n == 4 and memcmp(key, b"text", 4) == 0


cdef Py_ssize_t blank_start(const uint8_t *p, Py_ssize_t n) noexcept:
    """Return the length of a JSON string's beginning that may be white space, or more: up to a visible ASCII character."""
    cdef Py_ssize_t i = 0
    while i < n and (p[i] <= 32 or p[i] >= 127 or p[i] == 92):
        i += 2 if p[i] == 92 else 1
    return min(i, n)


cdef Py_ssize_t blank_end(const uint8_t *p, Py_ssize_t n) noexcept:
    """Return the length of a JSON string without an end that may be white space: up to a visible ASCII character that ends no escape."""
    cdef Py_ssize_t i = n, slashes
    while i > 0:
        if p[i - 1] > 32 and p[i - 1] < 127 and p[i - 1] != 92:
            slashes = 0
            while slashes < i - 1 and p[i - 2 - slashes] == 92:
                slashes += 1
            if slashes % 2 == 0:
                return i
            # The second character of an escape; those of four digits are not in a text that is held.
            i -= 2
        else:
            # A backslash that is no first of an escape is the second of one.
            i -= 2 if p[i - 1] == 92 else 1
    return max(i, 0)
