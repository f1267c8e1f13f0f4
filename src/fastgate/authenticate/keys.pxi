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


cdef bint is_authenticated(Keys keys, Head *head) noexcept:
    """Whether any of the forms that SDKs use carries an accepted key: four fields, Bearer, `?key=`."""
    cdef int i
    cdef Field *f
    cdef Span key
    for i in range(head.count):
        f = &head.fields[i]
        if f.known == FIELD_AUTHORIZATION:
            # RFC 9110 11.1: the scheme is case-insensitive, one space or more behind it.
            if f.value.n > 7 and fg_is_word(f.value.at, 7, b"bearer "):
                key.at = f.value.at + 7
                key.n = f.value.n - 7
                while key.n and key.at[0] == 32:
                    key.at += 1
                    key.n -= 1
                if keys.check(key.at, key.n):
                    return True
        elif f.known in (FIELD_X_API_KEY, FIELD_API_KEY, FIELD_X_GOOG_API_KEY, FIELD_X_LITELLM_API_KEY):
            if keys.check(f.value.at, f.value.n):
                return True
    key = find_query(head.query, b"key=")
    return key.at != NULL and keys.check(key.at, key.n)


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
