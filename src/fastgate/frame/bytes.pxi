# Raw bytes: the only place that walks input by pointer beyond a parser's own cursor.
# Rule 1: a function reads exactly p[0 .. n) and never past it; the caller owns that memory for the call.
# Rule 2: wire bytes are compared as bytes through ASCII tables; never int(), strip(), lower() of the host language.

cdef extern from *:
    """
    #include <stdint.h>
    #include <stddef.h>
    #include <string.h>
    #if defined(__x86_64__)
    #include <immintrin.h>
    #elif defined(__SSE2__)
    #include <emmintrin.h>
    #endif
    #include <stdlib.h>
    #if defined(__GLIBC__)
    #include <malloc.h>
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
    /* Bodies of a few MB come and go: kept in the heap they are not mapped, zeroed and unmapped for every request. */
    static void fg_memory_init(void) {
    #if defined(__GLIBC__)
        mallopt(M_MMAP_THRESHOLD, 8 << 20);
        mallopt(M_TRIM_THRESHOLD, 16 << 20);
    #endif
    }

    #define FG_BACKSLASH 0x5c

    /* Bits of p[0 .. 64) that end a plain run of a JSON string: quote, backslash, control characters.
       *high: some byte is not ASCII. */
    static inline uint64_t fg_string_marks(const uint8_t *p, uint64_t *high) {
    #if defined(__SSE2__)
        const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8(FG_BACKSLASH), below = _mm_set1_epi8(0x1f);
        uint64_t marks = 0, top = 0;
        for (int k = 0; k < 4; k++) {
            __m128i v = _mm_loadu_si128((const __m128i *)(p + 16 * k));
            __m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash)),
                                       _mm_cmpeq_epi8(_mm_min_epu8(v, below), v));
            marks |= (uint64_t)(uint32_t)_mm_movemask_epi8(hit) << (16 * k);
            top |= (uint64_t)(uint32_t)_mm_movemask_epi8(v) << (16 * k);
        }
        *high |= top;
        return marks;
    #else
        uint64_t marks = 0;
        for (int k = 0; k < 64; k++) {
            marks |= (uint64_t)(p[k] == '"' || p[k] == FG_BACKSLASH || p[k] < 0x20) << k;
            *high |= p[k] >> 7;
        }
        return marks;
    #endif
    }
    #if defined(__x86_64__)
    /* The same with 32 bytes at a time, where the processor can. */
    __attribute__((target("avx2"))) static inline uint64_t fg_string_marks_avx2(const uint8_t *p, uint64_t *high) {
        const __m256i quote = _mm256_set1_epi8('"'), slash = _mm256_set1_epi8(FG_BACKSLASH), below = _mm256_set1_epi8(0x1f);
        uint64_t marks = 0, top = 0;
        for (int k = 0; k < 2; k++) {
            __m256i v = _mm256_loadu_si256((const __m256i *)(p + 32 * k));
            __m256i hit = _mm256_or_si256(_mm256_or_si256(_mm256_cmpeq_epi8(v, quote), _mm256_cmpeq_epi8(v, slash)),
                                          _mm256_cmpeq_epi8(_mm256_min_epu8(v, below), v));
            marks |= (uint64_t)(uint32_t)_mm256_movemask_epi8(hit) << (32 * k);
            top |= (uint64_t)(uint32_t)_mm256_movemask_epi8(v) << (32 * k);
        }
        *high |= top;
        return marks;
    }
    #endif

    static inline int fg_hex_value(uint8_t c) {
        if (c >= '0' && c <= '9') return c - '0';
        c |= 0x20;
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    }

    /* Length of the escape sequence at p[0] == backslash; 0 if it is none; -1 if p[0 .. n) ends in it. RFC 8259 7. */
    static inline ptrdiff_t fg_escape(const uint8_t *p, ptrdiff_t n) {
        if (n < 2) return -1;
        switch (p[1]) {
        case '"': case FG_BACKSLASH: case '/': case 'b': case 'f': case 'n': case 'r': case 't': return 2;
        case 'u':
            if (n < 6) return -1;
            return fg_hex_value(p[2]) < 0 || fg_hex_value(p[3]) < 0 || fg_hex_value(p[4]) < 0 || fg_hex_value(p[5]) < 0 ? 0 : 6;
        }
        return 0;
    }

    /* Offset of the quote that closes the string whose inside starts at p[0]; -1 if p[0 .. n) ends first; -2 if an escape
       or a raw control character is wrong. *escaped: there was an escape; *high: some byte is not ASCII.
       Whole blocks are turned into bits once, and the bits are walked. */
    #define FG_STRING_END(name, marks_of, attribute) \\
    attribute static ptrdiff_t name(const uint8_t *p, ptrdiff_t n, int *escaped, uint64_t *high) { \\
        ptrdiff_t i = 0, length; \\
        while (n - i >= 64) { \\
            uint64_t top = 0, marks = marks_of(p + i, &top); \\
            ptrdiff_t from = 0; \\
            *high |= top; \\
            while (marks) { \\
                ptrdiff_t k = __builtin_ctzll(marks); \\
                if (p[i + k] == '"') return i + k; \\
                length = p[i + k] == FG_BACKSLASH ? fg_escape(p + i + k, n - i - k) : 0; \\
                if (length <= 0) return length < 0 ? -1 : -2; \\
                *escaped = 1; \\
                from = k + length; \\
                if (from >= 64) break; \\
                marks &= ~0ULL << from; \\
            } \\
            i += from > 64 ? from : 64; \\
        } \\
        while (i < n) { \\
            uint8_t c = p[i]; \\
            if (c == '"') return i; \\
            if (c == FG_BACKSLASH) { \\
                length = fg_escape(p + i, n - i); \\
                if (length <= 0) return length < 0 ? -1 : -2; \\
                *escaped = 1; \\
                i += length; \\
                continue; \\
            } \\
            if (c < 0x20) return -2; \\
            *high |= c >> 7; \\
            i++; \\
        } \\
        return -1; \\
    }
    #define FG_NO_ATTRIBUTE
    FG_STRING_END(fg_string_end_any, fg_string_marks, FG_NO_ATTRIBUTE)
    #if defined(__x86_64__)
    FG_STRING_END(fg_string_end_avx2, fg_string_marks_avx2, __attribute__((target("avx2"))))
    #endif
    static ptrdiff_t (*fg_string_end)(const uint8_t *, ptrdiff_t, int *, uint64_t *) = fg_string_end_any;

    /* Bits of p[0 .. 64) that are quotes, and those that are backslashes. */
    static inline void fg_quote_marks(const uint8_t *p, uint64_t *quotes, uint64_t *slashes) {
        uint64_t q = 0, b = 0;
    #if defined(__SSE2__)
        const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8(FG_BACKSLASH);
        for (int k = 0; k < 4; k++) {
            __m128i v = _mm_loadu_si128((const __m128i *)(p + 16 * k));
            q |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, quote)) << (16 * k);
            b |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, slash)) << (16 * k);
        }
    #else
        for (int k = 0; k < 64; k++) {
            q |= (uint64_t)(p[k] == '"') << k;
            b |= (uint64_t)(p[k] == FG_BACKSLASH) << k;
        }
    #endif
        *quotes = q;
        *slashes = b;
    }
    #if defined(__x86_64__)
    __attribute__((target("avx2"))) static inline void fg_quote_marks_avx2(const uint8_t *p, uint64_t *quotes, uint64_t *slashes) {
        const __m256i quote = _mm256_set1_epi8('"'), slash = _mm256_set1_epi8(FG_BACKSLASH);
        __m256i a = _mm256_loadu_si256((const __m256i *)p), c = _mm256_loadu_si256((const __m256i *)(p + 32));
        *quotes = (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, quote))
            | (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(c, quote)) << 32;
        *slashes = (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, slash))
            | (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(c, slash)) << 32;
    }
    __attribute__((target("avx512bw"))) static inline void fg_quote_marks_avx512(const uint8_t *p, uint64_t *quotes, uint64_t *slashes) {
        __m512i v = _mm512_loadu_si512((const void *)p);
        *quotes = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('"'));
        *slashes = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(FG_BACKSLASH));
    }
    __attribute__((target("avx512bw"))) static inline uint64_t fg_string_marks_avx512(const uint8_t *p, uint64_t *high) {
        __m512i v = _mm512_loadu_si512((const void *)p);
        *high |= _mm512_movepi8_mask(v);
        return _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('"')) | _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(FG_BACKSLASH))
            | _mm512_cmplt_epu8_mask(v, _mm512_set1_epi8(0x20));
    }
    #endif

    /* Offset of the quote that closes the string, p[0] being inside it; n if it is not there. *escape says whether p[0] is
       escaped by what came before, and afterwards whether p[n] is. Escapes are not checked. No byte is looked at on its own:
       in a run of backslashes every second one escapes what follows, which a subtraction finds for 64 bytes at once. */
    #define FG_CLOSING_QUOTE(name, marks_of, attribute) \\
    attribute static ptrdiff_t name(const uint8_t *p, ptrdiff_t n, int *escape) { \\
        const uint64_t odd = 0xaaaaaaaaaaaaaaaaULL; \\
        uint64_t carry = *escape != 0, quotes, slashes, escaped; \\
        ptrdiff_t i = 0; \\
        for (; n - i >= 64; i += 64) { \\
            marks_of(p + i, &quotes, &slashes); \\
            escaped = carry; \\
            if (slashes) { \\
                uint64_t starts = slashes & ~carry; \\
                uint64_t code = (((starts << 1) | odd) - starts) ^ odd; \\
                escaped = code ^ (slashes | carry); \\
                carry = (code & slashes) >> 63; \\
            } else \\
                carry = 0; \\
            quotes &= ~escaped; \\
            if (quotes) { *escape = 0; return i + __builtin_ctzll(quotes); } \\
        } \\
        for (; i < n; i++) { \\
            if (carry) carry = 0; \\
            else if (p[i] == FG_BACKSLASH) carry = 1; \\
            else if (p[i] == '"') { *escape = 0; return i; } \\
        } \\
        *escape = (int)carry; \\
        return n; \\
    }
    FG_CLOSING_QUOTE(fg_closing_quote_any, fg_quote_marks, FG_NO_ATTRIBUTE)
    #if defined(__x86_64__)
    FG_CLOSING_QUOTE(fg_closing_quote_avx2, fg_quote_marks_avx2, __attribute__((target("avx2"))))
    FG_CLOSING_QUOTE(fg_closing_quote_avx512, fg_quote_marks_avx512, __attribute__((target("avx512bw,bmi,bmi2"))))
    FG_STRING_END(fg_string_end_avx512, fg_string_marks_avx512, __attribute__((target("avx512bw,bmi,bmi2"))))
    #endif
    static ptrdiff_t (*fg_closing_quote)(const uint8_t *, ptrdiff_t, int *) = fg_closing_quote_any;

    static void fg_dispatch_init(void) {
    #if defined(__x86_64__)
        if (__builtin_cpu_supports("avx2")) {
            fg_string_end = fg_string_end_avx2;
            fg_closing_quote = fg_closing_quote_avx2;
        }
        if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("bmi2")) {
            fg_string_end = fg_string_end_avx512;
            fg_closing_quote = fg_closing_quote_avx512;
        }
    #endif
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

    /* 1 if p[0 .. n) holds the m bytes at *word*. */
    static int fg_holds(const uint8_t *p, ptrdiff_t n, const uint8_t *word, ptrdiff_t m) {
        return n >= m && (!m || memmem(p, (size_t)n, word, (size_t)m) != NULL);
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
    const bint FASTGATE_DEBUG
    const uint8_t fg_token[256]
    void fg_tables_init() noexcept
    void fg_memory_init() noexcept
    void fg_dispatch_init() noexcept
    Py_ssize_t fg_string_end(const uint8_t *p, Py_ssize_t n, int *escaped, uint64_t *high) noexcept
    Py_ssize_t fg_closing_quote(const uint8_t *p, Py_ssize_t n, int *escape) noexcept
    Py_ssize_t fg_no_structure(const uint8_t *p, Py_ssize_t n) noexcept
    Py_ssize_t fg_field_content(const uint8_t *p, Py_ssize_t n) noexcept
    bint fg_utf8(const uint8_t *p, Py_ssize_t n) noexcept
    bint fg_equal_secret(const uint8_t *a, const uint8_t *b, Py_ssize_t n) noexcept
    bint fg_holds(const uint8_t *p, Py_ssize_t n, const uint8_t *word, Py_ssize_t m) noexcept
    bint fg_is_word(const uint8_t *p, Py_ssize_t n, const char *word) noexcept
    Py_ssize_t fg_decimal(uint8_t *out, uint64_t value) noexcept
    Py_ssize_t fg_hex(uint8_t *out, uint64_t value) noexcept

fg_tables_init()
fg_memory_init()
fg_dispatch_init()


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


cdef inline int buffer_append(Buffer *b, const uint8_t *p, Py_ssize_t n) except -1:
    if n <= 0:
        return 0
    if b.size - b.end < n:
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
