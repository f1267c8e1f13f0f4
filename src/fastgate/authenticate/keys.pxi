# Who calls: the key, wherever the caller's SDK puts it.


cdef class Keys:
    """The keys that are accepted."""

    def __init__(self, accepted):
        self.accepted = tuple(key.encode() for key in accepted)

    cdef bint check(self, const uint8_t *key, Py_ssize_t n) noexcept:
        cdef bytes one
        cdef bint good = False
        for one in self.accepted:
            if PyBytes_GET_SIZE(one) == n:
                good |= fg_equal_secret(<const uint8_t *>PyBytes_AS_STRING(one), key, n)
        return good


cdef Span find_key(Head *head) noexcept:
    """Return the caller's key. Where several forms come, a field made for keys wins over Bearer, and that over `?key=`."""
    cdef Span key
    cdef int i, rank, best = 0
    cdef Field *f
    key.at = NULL
    key.n = 0
    for i in range(head.count):
        f = &head.fields[i]
        rank = key_rank(f.known)
        if rank > best and (f.known != FIELD_AUTHORIZATION or is_bearer(f.value)):
            best = rank
            key = without_bearer(f.value)
    return key if best else decoded(find_query(head.query, b"key="))


# A key of a query, percent-decoded; used within one call.
cdef uint8_t decoded_key[1024]


cdef Span decoded(Span v) noexcept:
    """Return *v* percent-decoded (RFC 3986 2.1); as it is if it is too long for a key, or if an escape in it is none."""
    cdef Py_ssize_t i = 0, n = 0
    cdef int high, low
    if v.at == NULL or v.n > <Py_ssize_t>sizeof(decoded_key) or memchr(v.at, 37, v.n) == NULL:
        return v
    while i < v.n:
        if v.at[i] == 37:  # %
            if i + 3 > v.n:
                return v
            high = hex_digit(v.at[i + 1])
            low = hex_digit(v.at[i + 2])
            if high < 0 or low < 0:
                return v
            decoded_key[n] = high * 16 + low
            i += 3
        else:
            decoded_key[n] = v.at[i]
            i += 1
        n += 1
    v.at = decoded_key
    v.n = n
    return v


cdef inline int key_rank(int known) noexcept:
    # Anthropic takes x-api-key where both come; LiteLLM its own field before all.
    if known == FIELD_AUTHORIZATION:
        return 1
    if known == FIELD_API_KEY or known == FIELD_X_GOOG_API_KEY:
        return 2
    if known == FIELD_X_API_KEY:
        return 3
    return 4 if known == FIELD_X_LITELLM_API_KEY else 0


cdef inline bint is_bearer(Span v) noexcept:
    return v.n > 7 and fg_is_word(v.at, 7, b"bearer ")


cdef inline Span without_bearer(Span v) noexcept:
    """Return a key without the scheme in front of it. RFC 9110 11.1: case-insensitive, one space or more behind it."""
    if is_bearer(v):
        v.at += 7
        v.n -= 7
        while v.n and v.at[0] == 32:
            v.at += 1
            v.n -= 1
    return v


cdef Span find_query(Span query, const char *name) noexcept:
    """Return the raw value of a query parameter; *name* ends in `=`. `at` is NULL if it is absent."""
    cdef Span value
    cdef Py_ssize_t i = 0, n = strlen(name), end
    value.at = NULL
    value.n = 0
    while i < query.n:
        end = i
        while end < query.n and query.at[end] != 38:
            end += 1
        if end - i >= n and memcmp(query.at + i, name, n) == 0:
            value.at = query.at + i + n
            value.n = end - i - n
            return value
        i = end + 1
    return value
