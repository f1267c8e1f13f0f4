# Raw bytes: the only place that walks input by pointer beyond a parser's own cursor.
# Rule 1: a function reads exactly p[0 .. n) and never past it; the caller owns that memory for the call.
# Rule 2: wire bytes are compared as bytes through ASCII tables; never int(), strip(), lower() of the host language.

cdef extern from *:
    """
    #include <stdint.h>
    #include <stddef.h>
    #include <string.h>
    #if defined(__SSE2__)
    #include <emmintrin.h>
    #endif

    #ifndef FASTGATE_DEBUG
    #define FASTGATE_DEBUG 0
    #endif

    /* RFC 9110 5.6.2 token characters, mapped to lower case; 0 is not a token character. */
    static uint8_t fg_token[256];
    static void fg_tables_init(void) {
        const char *marks = "!#$%&'*+-.^_`|~";
        for (int c = '0'; c <= '9'; c++) fg_token[c] = (uint8_t)c;
        for (int c = 'a'; c <= 'z'; c++) fg_token[c] = (uint8_t)c;
        for (int c = 'A'; c <= 'Z'; c++) fg_token[c] = (uint8_t)(c + 32);
        for (; *marks; marks++) fg_token[(uint8_t)*marks] = (uint8_t)*marks;
    }

    /* Length of the prefix that may stand unescaped in a JSON string: no quote, no backslash, no control
       character. *seen gathers the OR of all bytes, so that bit 7 says whether UTF-8 must be checked. */
    static inline ptrdiff_t fg_json_plain(const uint8_t *p, ptrdiff_t n, uint8_t *seen) {
        ptrdiff_t i = 0;
        uint8_t gathered = 0;
    #if defined(__SSE2__)
        const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\\\'), space = _mm_set1_epi8(0x20);
        int high = 0;
        while (n - i >= 16) {
            __m128i v = _mm_loadu_si128((const __m128i *)(p + i));
            /* unsigned v < 0x20: max(v, 0x20) != v */
            __m128i plain = _mm_cmpeq_epi8(_mm_max_epu8(v, space), v);
            __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
            int mask = (_mm_movemask_epi8(hit) | ~_mm_movemask_epi8(plain)) & 0xffff;
            high = _mm_movemask_epi8(v);
            if (mask) {
                int k = __builtin_ctz((unsigned)mask);
                if (high & ((1 << k) - 1)) gathered |= 0x80;
                *seen |= gathered;
                return i + k;
            }
            if (high) gathered |= 0x80;
            i += 16;
        }
    #endif
        for (; i < n; i++) {
            uint8_t c = p[i];
            if (c == '"' || c == '\\\\' || c < 0x20) break;
            gathered |= c;
        }
        *seen |= gathered;
        return i;
    }

    /* Length of the prefix without quote and backslash. */
    static inline ptrdiff_t fg_quote_or_slash(const uint8_t *p, ptrdiff_t n) {
        ptrdiff_t i = 0;
    #if defined(__SSE2__)
        const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\\\');
        while (n - i >= 16) {
            __m128i v = _mm_loadu_si128((const __m128i *)(p + i));
            int mask = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash)));
            if (mask) return i + __builtin_ctz((unsigned)mask);
            i += 16;
        }
    #endif
        for (; i < n; i++)
            if (p[i] == '"' || p[i] == '\\\\') break;
        return i;
    }

    /* Length of the prefix without quote, brace and bracket. '[' and '{', ']' and '}' differ in bit 5 only. */
    static inline ptrdiff_t fg_no_structure(const uint8_t *p, ptrdiff_t n) {
        ptrdiff_t i = 0;
    #if defined(__SSE2__)
        const __m128i quote = _mm_set1_epi8('"'), open = _mm_set1_epi8('{'), shut = _mm_set1_epi8('}'), bit = _mm_set1_epi8(0x20);
        while (n - i >= 16) {
            __m128i v = _mm_loadu_si128((const __m128i *)(p + i));
            __m128i w = _mm_or_si128(v, bit);
            __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_or_si128(_mm_cmpeq_epi8(w, open), _mm_cmpeq_epi8(w, shut)));
            int mask = _mm_movemask_epi8(hit);
            if (mask) return i + __builtin_ctz((unsigned)mask);
            i += 16;
        }
    #endif
        for (; i < n; i++) {
            uint8_t c = p[i] | 0x20;
            if (p[i] == '"' || c == '{' || c == '}') break;
        }
        return i;
    }

    /* Length of the prefix that is allowed in a field value (RFC 9110 5.5): no control character but HTAB. */
    static inline ptrdiff_t fg_field_content(const uint8_t *p, ptrdiff_t n) {
        ptrdiff_t i = 0;
        for (;;) {
    #if defined(__SSE2__)
            const __m128i space = _mm_set1_epi8(0x20), del = _mm_set1_epi8(0x7f);
            while (n - i >= 16) {
                __m128i v = _mm_loadu_si128((const __m128i *)(p + i));
                int good = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_max_epu8(v, space), v));
                int bad = (~good | _mm_movemask_epi8(_mm_cmpeq_epi8(v, del))) & 0xffff;
                if (bad) { i += __builtin_ctz((unsigned)bad); break; }
                i += 16;
            }
    #endif
            while (i < n && p[i] >= 0x20 && p[i] != 0x7f) i++;
            if (i < n && p[i] == '\\t') { i++; continue; }
            return i;
        }
    }

    /* 1 if p[0 .. n) is UTF-8: shortest forms only, no surrogates, at most U+10FFFF (RFC 3629 section 4). */
    static int fg_utf8(const uint8_t *p, ptrdiff_t n) {
        ptrdiff_t i = 0;
        while (i < n) {
            uint8_t c = p[i];
            if (c < 0x80) {
                uint64_t word;
                while (n - i >= 8 && (memcpy(&word, p + i, 8), !(word & 0x8080808080808080ULL))) i += 8;
                while (i < n && p[i] < 0x80) i++;
                continue;
            }
            if (c < 0xc2) return 0;
            if (c < 0xe0) {
                if (n - i < 2 || (p[i + 1] & 0xc0) != 0x80) return 0;
                i += 2;
            } else if (c < 0xf0) {
                if (n - i < 3 || (p[i + 1] & 0xc0) != 0x80 || (p[i + 2] & 0xc0) != 0x80) return 0;
                if (c == 0xe0 && p[i + 1] < 0xa0) return 0;
                if (c == 0xed && p[i + 1] > 0x9f) return 0;
                i += 3;
            } else {
                if (c > 0xf4 || n - i < 4) return 0;
                if ((p[i + 1] & 0xc0) != 0x80 || (p[i + 2] & 0xc0) != 0x80 || (p[i + 3] & 0xc0) != 0x80) return 0;
                if (c == 0xf0 && p[i + 1] < 0x90) return 0;
                if (c == 0xf4 && p[i + 1] > 0x8f) return 0;
                i += 4;
            }
        }
        return 1;
    }

    /* 1 if the two are equal; the time depends on n alone. */
    static int fg_equal_secret(const uint8_t *a, const uint8_t *b, ptrdiff_t n) {
        volatile uint8_t gathered = 0;
        for (ptrdiff_t i = 0; i < n; i++) gathered |= (uint8_t)(a[i] ^ b[i]);
        return gathered == 0;
    }

    /* 1 if p[0 .. n) is *word* (lower case, NUL-terminated) in any ASCII case. */
    static int fg_is_word(const uint8_t *p, ptrdiff_t n, const char *word) {
        for (ptrdiff_t i = 0; i < n; i++) {
            uint8_t c = p[i];
            if (c >= 'A' && c <= 'Z') c = (uint8_t)(c + 32);
            if (!word[i] || c != (uint8_t)word[i]) return 0;
        }
        return word[n] == 0;
    }

    /* Decimal digits of *value*; returns how many were written (at most 20). */
    static inline ptrdiff_t fg_decimal(uint8_t *out, uint64_t value) {
        uint8_t digits[20];
        ptrdiff_t n = 0;
        do { digits[n++] = (uint8_t)('0' + value % 10); value /= 10; } while (value);
        for (ptrdiff_t i = 0; i < n; i++) out[i] = digits[n - 1 - i];
        return n;
    }

    static inline ptrdiff_t fg_hex(uint8_t *out, uint64_t value) {
        static const char symbols[] = "0123456789abcdef";
        uint8_t digits[16];
        ptrdiff_t n = 0;
        do { digits[n++] = (uint8_t)symbols[value & 15]; value >>= 4; } while (value);
        for (ptrdiff_t i = 0; i < n; i++) out[i] = digits[n - 1 - i];
        return n;
    }
    """
    const uint8_t fg_token[256]
    void fg_tables_init() noexcept
    Py_ssize_t fg_json_plain(const uint8_t *p, Py_ssize_t n, uint8_t *seen) noexcept
    Py_ssize_t fg_quote_or_slash(const uint8_t *p, Py_ssize_t n) noexcept
    Py_ssize_t fg_no_structure(const uint8_t *p, Py_ssize_t n) noexcept
    Py_ssize_t fg_field_content(const uint8_t *p, Py_ssize_t n) noexcept
    bint fg_utf8(const uint8_t *p, Py_ssize_t n) noexcept
    bint fg_equal_secret(const uint8_t *a, const uint8_t *b, Py_ssize_t n) noexcept
    bint fg_is_word(const uint8_t *p, Py_ssize_t n, const char *word) noexcept
    Py_ssize_t fg_decimal(uint8_t *out, uint64_t value) noexcept
    Py_ssize_t fg_hex(uint8_t *out, uint64_t value) noexcept

fg_tables_init()


cdef inline int hex_digit(uint8_t c) noexcept:
    """Return the value of a hexadecimal digit, or -1."""
    if 48 <= c <= 57:
        return c - 48
    c |= 0x20
    if 97 <= c <= 102:
        return c - 87
    return -1


# --- Buffer: bytes that had to be kept. data[start .. end) is what is left; memory is size bytes.

cdef inline Py_ssize_t buffer_len(Buffer *b) noexcept:
    return b.end - b.start


cdef int buffer_reserve(Buffer *b, Py_ssize_t n) except -1:
    """Make room for *n* more bytes behind `end`."""
    cdef Py_ssize_t left = b.end - b.start
    cdef Py_ssize_t size
    cdef uint8_t *grown
    if b.size - b.end >= n:
        return 0
    if b.start and b.size - left >= n and b.start >= left:
        memcpy(b.data, b.data + b.start, left)
        b.start = 0
        b.end = left
        return 0
    size = left + n
    if b.size:
        size = max(size, left * 2)
    grown = <uint8_t *>malloc(size)
    if grown == NULL:
        raise MemoryError()
    if left:
        memcpy(grown, b.data + b.start, left)
    free(b.data)
    b.data = grown
    b.start = 0
    b.end = left
    b.size = size
    return 0


cdef int buffer_append(Buffer *b, const uint8_t *p, Py_ssize_t n) except -1:
    if n <= 0:
        return 0
    buffer_reserve(b, n)
    memcpy(b.data + b.end, p, n)
    b.end += n
    return 0


cdef inline void buffer_consume(Buffer *b, Py_ssize_t n) noexcept:
    b.start += n
    if b.start == b.end:
        b.start = b.end = 0


cdef inline void buffer_free(Buffer *b) noexcept:
    if b.data != NULL:
        free(b.data)
        b.data = NULL
    b.start = b.end = b.size = 0


cdef inline bytes bytes_of(const uint8_t *p, Py_ssize_t n):
    return PyBytes_FromStringAndSize(<const char *>p, n)


cdef bytes json_unescape(const uint8_t *p, Py_ssize_t n):
    """Return the UTF-8 text of a JSON string's inside p[0 .. n), which scan_request has found valid.

    None if it holds a lone surrogate, which no UTF-8 text can say.
    """
    cdef bytearray out = bytearray()
    cdef Py_ssize_t i = 0
    cdef int code, low
    cdef uint8_t c
    while i < n:
        c = p[i]
        if c != 92:  # backslash
            out.append(c)
            i += 1
            continue
        c = p[i + 1]
        i += 2
        if c != 117:  # u
            out.append({98: 8, 102: 12, 110: 10, 114: 13, 116: 9}.get(c, c))
            continue
        code = hex_quad(p + i)
        i += 4
        if 0xD800 <= code < 0xDC00:
            if n - i < 6 or p[i] != 92 or p[i + 1] != 117:
                return None
            low = hex_quad(p + i + 2)
            if not 0xDC00 <= low < 0xE000:
                return None
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
            i += 6
        elif 0xDC00 <= code < 0xE000:
            return None
        out += chr(code).encode()
    return bytes(out)


cdef int hex_quad(const uint8_t *p) noexcept:
    """Return the value of four hexadecimal digits, or -1."""
    cdef int value = 0, digit, i
    for i in range(4):
        digit = hex_digit(p[i])
        if digit < 0:
            return -1
        value = value * 16 + digit
    return value
