# JSON that passes through (RFC 8259). scan_request checks a whole request body and finds the few members that
# matter; scan_answer follows an answer in pieces as it streams by. Neither builds a value.
# Rule 1: neither recurses; nesting is a bit stack or a count.
# Rule 2: in a request a member is found by its decoded key at its own level only: "mod\u0065l" is `model`, a nested one
#   is not. In an answer it is found by its bytes: no provider escapes its own keys.

cdef dict JSON_FAULTS = {
    JSON_NOT_OBJECT: "the body is not a JSON object",
    JSON_SYNTAX: "the body is not valid JSON",
    JSON_STRING: "a string holds an invalid escape or a raw control character",
    JSON_UTF8: "a string is not UTF-8",
    JSON_NUMBER: "a number is not valid JSON",
    JSON_DEPTH: "the body is nested deeper than 4096 levels",
    JSON_DUPLICATE: "a member that the gateway reads (`model`, `stream`, `stream_options`, ...) stands twice",
    JSON_TRUNCATED: "the body ends before the JSON does",
    JSON_TRAILING: "bytes follow behind the JSON object",
}


cdef inline Py_ssize_t skip_space(const uint8_t *p, Py_ssize_t i, Py_ssize_t n) noexcept:
    while i < n and (p[i] == 32 or p[i] == 10 or p[i] == 13 or p[i] == 9):
        i += 1
    return i


cdef Py_ssize_t skip_string(const uint8_t *p, Py_ssize_t i, Py_ssize_t n, int *escaped, int *fault) noexcept:
    """Return the offset behind the closing quote of the string whose inside starts at *i*, or -1 with *fault*."""
    cdef uint64_t high = 0
    cdef Py_ssize_t end
    escaped[0] = False
    end = fg_string_end(p + i, n - i, escaped, &high)
    if end < 0:
        fault[0] = JSON_TRUNCATED if end == -1 else JSON_STRING
        return -1
    if high and not fg_utf8(p + i, end):
        fault[0] = JSON_UTF8
        return -1
    return i + end + 1


cdef Py_ssize_t skip_number(const uint8_t *p, Py_ssize_t i, Py_ssize_t n) noexcept:
    """Return the offset behind the number that starts at *i*, or -1. RFC 8259 6."""
    cdef Py_ssize_t start
    if p[i] == 45:
        i += 1
    start = i
    while i < n and 48 <= p[i] <= 57:
        i += 1
    if i == start or (p[start] == 48 and i - start > 1):
        return -1
    if i < n and p[i] == 46:
        i += 1
        start = i
        while i < n and 48 <= p[i] <= 57:
            i += 1
        if i == start:
            return -1
    if i < n and p[i] | 0x20 == 101:
        i += 1
        if i < n and (p[i] == 43 or p[i] == 45):
            i += 1
        start = i
        while i < n and 48 <= p[i] <= 57:
            i += 1
        if i == start:
            return -1
    return i


cdef Py_ssize_t skip_scalar(const uint8_t *p, Py_ssize_t i, Py_ssize_t n, int *fault) noexcept:
    """Return the offset behind the number or literal at *i*, or -1 with *fault*."""
    cdef Py_ssize_t end
    if p[i] == 45 or 48 <= p[i] <= 57:
        end = skip_number(p, i, n)
        fault[0] = JSON_NUMBER
        return end
    fault[0] = JSON_SYNTAX
    if n - i >= 4 and (memcmp(p + i, b"true", 4) == 0 or memcmp(p + i, b"null", 4) == 0):
        return i + 4
    if n - i >= 5 and memcmp(p + i, b"false", 5) == 0:
        return i + 5
    return -1


cdef int request_member(const uint8_t *key, Py_ssize_t n, bint escaped):
    """Return which of the members that matter a key names, decoded; MEMBER_OTHER for the rest."""
    cdef bytes decoded
    if escaped:
        decoded = json_unescape(key, n)
        if decoded is None:
            return MEMBER_OTHER
        key = <const uint8_t *>PyBytes_AS_STRING(decoded)
        n = PyBytes_GET_SIZE(decoded)
    if n == 5 and memcmp(key, b"model", 5) == 0:
        return MEMBER_MODEL
    if n == 6 and memcmp(key, b"stream", 6) == 0:
        return MEMBER_STREAM
    if n == 14 and memcmp(key, b"stream_options", 14) == 0:
        return MEMBER_STREAM_OPTIONS
    if n == 13 and memcmp(key, b"include_usage", 13) == 0:
        return MEMBER_INCLUDE_USAGE
    if n == 10 and memcmp(key, b"max_tokens", 10) == 0:
        return MEMBER_MAX_TOKENS
    if n == 20 and memcmp(key, b"previous_response_id", 20) == 0:
        return MEMBER_PREVIOUS_RESPONSE_ID
    if n == 17 and memcmp(key, b"max_output_tokens", 17) == 0 or n == 21 and memcmp(key, b"max_completion_tokens", 21) == 0:
        return MEMBER_MAX_TOKENS
    if n >= 7:
        return own_member(key, n)
    if n == 4 and memcmp(key, b"tags", 4) == 0:
        return MEMBER_OWN + 8
    return MEMBER_OTHER


# What callers tell the gateway in a body, in the order of MEMBER_OWN.
cdef tuple OWN_NAMES = (
    "fallbacks", "fallback_models", "num_retries", "max_fallbacks", "disable_fallbacks", "context_window_fallbacks",
    "content_policy_fallbacks", "timeout", "tags", "allowed_model_region", "fallback_config", "fallback_on_rate_limit", "fallback_on_error",
    "priority",
)


cdef int own_member(const uint8_t *key, Py_ssize_t n) noexcept:
    if n == 7:
        return MEMBER_OWN + 7 if memcmp(key, b"timeout", 7) == 0 else MEMBER_OTHER
    if n == 8:
        return MEMBER_OWN + 13 if memcmp(key, b"priority", 8) == 0 else MEMBER_OTHER
    if n == 9:
        return MEMBER_OWN if memcmp(key, b"fallbacks", 9) == 0 else MEMBER_OTHER
    if n == 11:
        return MEMBER_OWN + 2 if memcmp(key, b"num_retries", 11) == 0 else MEMBER_OTHER
    if n == 13:
        return MEMBER_OWN + 3 if memcmp(key, b"max_fallbacks", 13) == 0 else MEMBER_OTHER
    if n == 15:
        if memcmp(key, b"fallback_config", 15) == 0:
            return MEMBER_OWN + 10
        return MEMBER_OWN + 1 if memcmp(key, b"fallback_models", 15) == 0 else MEMBER_OTHER
    if n == 17:
        if memcmp(key, b"fallback_on_error", 17) == 0:
            return MEMBER_OWN + 12
        return MEMBER_OWN + 4 if memcmp(key, b"disable_fallbacks", 17) == 0 else MEMBER_OTHER
    if n == 20:
        return MEMBER_OWN + 9 if memcmp(key, b"allowed_model_region", 20) == 0 else MEMBER_OTHER
    if n == 22:
        return MEMBER_OWN + 11 if memcmp(key, b"fallback_on_rate_limit", 22) == 0 else MEMBER_OTHER
    if n == 24:
        if memcmp(key, b"context_window_fallbacks", 24) == 0:
            return MEMBER_OWN + 5
        return MEMBER_OWN + 6 if memcmp(key, b"content_policy_fallbacks", 24) == 0 else MEMBER_OTHER
    return MEMBER_OTHER


cdef inline int64_t short_number(const uint8_t *p, Py_ssize_t n) noexcept:
    """Return the number that p[0 .. n) is, 0 if it is none of 1 to 9 digits."""
    cdef int64_t value = 0
    cdef Py_ssize_t i
    if n > 9:
        return 0
    for i in range(n):
        if not 48 <= p[i] <= 57:
            return 0
        value = value * 10 + p[i] - 48
    return value


cdef int note_member(RequestScan *s, int member, const uint8_t *p, Py_ssize_t key_at, Py_ssize_t at, Py_ssize_t end) noexcept:
    """Remember the value p[at .. end) of a member that matters, whose key stands at p[key_at]. Return 0 or the fault."""
    if member == MEMBER_MAX_TOKENS:
        s.max_tokens = short_number(p + at, end - at)
        return 0
    if s.seen & (1 << member):
        return JSON_DUPLICATE
    s.seen |= 1 << member
    if member >= MEMBER_OWN:
        s.own_key_at[s.own_count] = key_at
        s.own_at[s.own_count] = at
        s.own_end[s.own_count] = end
        s.own_member[s.own_count] = member - MEMBER_OWN
        s.own_count += 1
    elif member == MEMBER_MODEL:
        s.model_at = at
        s.model_end = end
        s.model_is_string = p[at] == 34
    elif member == MEMBER_STREAM:
        s.stream = p[at] == 116  # true
        s.stream_is_bool = s.stream or p[at] == 102 or p[at] == 110
    elif member == MEMBER_STREAM_OPTIONS:
        s.options_at = at
        s.options_end = end
    elif member == MEMBER_PREVIOUS_RESPONSE_ID:
        if p[at] == 34:
            s.previous_at = at + 1
            s.previous_end = end - 1
    else:
        s.include_at = at
        s.include_end = end
        s.include_usage = p[at] == 116
    return 0


cdef int scan_request(RequestScan *s, const uint8_t *p, Py_ssize_t n) except -1:
    """Check that p[0 .. n) is one JSON object and note its members in *s*. Return 0 or the fault, at s.fault_at.

    One loop over the states of the grammar; 64 * 64 levels of nesting fit the stack of bits.
    """
    cdef uint64_t objects[64]  # bit d: the container at depth d is an object
    cdef Py_ssize_t value_at[3]
    cdef Py_ssize_t key_at[3]
    cdef int member[3]  # of the value being read at depth 1 and 2
    cdef Py_ssize_t i = 0, end
    cdef int depth = 0, fault = 0, state = WANT_VALUE
    cdef int escaped = False
    cdef uint8_t c
    memset(s, 0, sizeof(RequestScan))
    member[1] = member[2] = MEMBER_OTHER
    key_at[1] = key_at[2] = 0
    while True:
        i = skip_space(p, i, n)
        s.fault_at = i
        if i >= n:
            return JSON_TRUNCATED if n else JSON_NOT_OBJECT
        c = p[i]
        if depth == 0 and c != 123:
            return JSON_NOT_OBJECT
        if (c == 125 and (state == AFTER_VALUE or state == WANT_KEY_OR_END) and is_object(objects, depth)) or (
            c == 93 and (state == AFTER_VALUE or state == WANT_VALUE_OR_END) and not is_object(objects, depth)
        ):
            i += 1
            depth -= 1
            if depth == 0:
                s.close_at = i - 1
                s.fault_at = i = skip_space(p, i, n)
                return JSON_TRAILING if i < n else 0
            if depth <= 2 and member[depth] != MEMBER_OTHER:
                fault = note_member(s, member[depth], p, key_at[depth], value_at[depth], i)
                if fault:
                    return fault
            state = AFTER_VALUE
        elif state == AFTER_VALUE:
            if c != 44:
                return JSON_SYNTAX
            i += 1
            state = WANT_KEY if is_object(objects, depth) else WANT_VALUE
        elif state == WANT_KEY or state == WANT_KEY_OR_END:
            if c != 34:
                return JSON_SYNTAX
            end = skip_string(p, i + 1, n, &escaped, &fault)
            if end < 0:
                return fault
            if depth <= 2:
                key_at[depth] = i
                member[depth] = request_member(p + i + 1, end - i - 2, escaped)
                if (member[depth] == MEMBER_INCLUDE_USAGE) != (depth == 2) or (depth == 2 and member[1] != MEMBER_STREAM_OPTIONS):
                    member[depth] = MEMBER_OTHER
            s.fault_at = i = skip_space(p, end, n)
            if i >= n:
                return JSON_TRUNCATED
            if p[i] != 58:
                return JSON_SYNTAX
            i = skip_space(p, i + 1, n)
            if depth <= 2:
                value_at[depth] = i
            state = WANT_VALUE
        elif c == 123 or c == 91:
            depth += 1
            if depth >= 4096:
                return JSON_DEPTH
            if depth <= 2:
                member[depth] = MEMBER_OTHER
            i += 1
            if c == 91:
                objects[depth >> 6] &= ~(<uint64_t>1 << (depth & 63))
                state = WANT_VALUE_OR_END
            else:
                objects[depth >> 6] |= <uint64_t>1 << (depth & 63)
                state = WANT_KEY_OR_END
                if depth == 1:
                    s.open_at = i
                if depth == 2 and member[1] == MEMBER_STREAM_OPTIONS:
                    end = skip_space(p, i, n)
                    s.options_open = i
                    s.options_empty = end < n and p[end] == 125
        else:
            end = skip_string(p, i + 1, n, &escaped, &fault) if c == 34 else skip_scalar(p, i, n, &fault)
            if end < 0:
                return fault
            if depth <= 2 and member[depth] != MEMBER_OTHER:
                fault = note_member(s, member[depth], p, key_at[depth], i, end)
                if fault:
                    return fault
                s.model_escaped = escaped if member[depth] == MEMBER_MODEL else s.model_escaped
            i = end
            state = AFTER_VALUE


cdef inline bint is_object(uint64_t *objects, int depth) noexcept:
    return (objects[depth >> 6] >> (depth & 63)) & 1


# --- answers

cdef inline void answer_start(AnswerScan *a) noexcept:
    """Be ready for the next JSON text of the same answer; what was learned of the answer stays."""
    a.depth = 0
    a.string = STRING_NONE
    a.escape = False
    a.envelope = False
    a.usage_depth = 0
    a.key = KEY_NONE
    a.key_n = 0
    a.counter = KEY_NONE
    a.choices_open = False
    a.choices_empty = False
    a.usage_seen = False
    a.finished = False


cdef int answer_key(const uint8_t *k, int n) noexcept:
    """Return which member of an answer a key names."""
    if n == 2:
        return KEY_ID if memcmp(k, b"id", 2) == 0 else KEY_NONE
    if n == 5:
        if memcmp(k, b"model", 5) == 0:
            return KEY_MODEL
        return KEY_USAGE if memcmp(k, b"usage", 5) == 0 else KEY_NONE
    if n == 7:
        if memcmp(k, b"choices", 7) == 0:
            return KEY_CHOICES
        return KEY_ENVELOPE if memcmp(k, b"message", 7) == 0 else KEY_NONE
    if n == 8:
        return KEY_ENVELOPE if memcmp(k, b"response", 8) == 0 else KEY_NONE
    if n == 10:
        return KEY_EVAL_COUNT if memcmp(k, b"eval_count", 10) == 0 else KEY_NONE
    if n == 12:
        return KEY_INPUT_TOKENS if memcmp(k, b"input_tokens", 12) == 0 else KEY_NONE
    if n == 13:
        if memcmp(k, b"usageMetadata", 13) == 0:
            return KEY_USAGE
        if memcmp(k, b"prompt_tokens", 13) == 0:
            return KEY_INPUT_TOKENS
        if memcmp(k, b"output_tokens", 13) == 0:
            return KEY_OUTPUT_TOKENS
        return KEY_CACHE_READ_TOKENS if memcmp(k, b"cached_tokens", 13) == 0 else KEY_NONE
    if n == 16:
        if memcmp(k, b"promptTokenCount", 16) == 0:
            return KEY_INPUT_TOKENS
        return KEY_REASONING_TOKENS if memcmp(k, b"reasoning_tokens", 16) == 0 else KEY_NONE
    if n == 17:
        if memcmp(k, b"prompt_eval_count", 17) == 0:
            return KEY_PROMPT_EVAL_COUNT
        return KEY_OUTPUT_TOKENS if memcmp(k, b"completion_tokens", 17) == 0 else KEY_NONE
    if n == 18:
        return KEY_REASONING_TOKENS if memcmp(k, b"thoughtsTokenCount", 18) == 0 else KEY_NONE
    if n == 20:
        return KEY_OUTPUT_TOKENS if memcmp(k, b"candidatesTokenCount", 20) == 0 else KEY_NONE
    if n == 23:
        if memcmp(k, b"cachedContentTokenCount", 23) == 0:
            return KEY_CACHE_READ_TOKENS
        return KEY_CACHE_READ_TOKENS if memcmp(k, b"cache_read_input_tokens", 23) == 0 else KEY_NONE
    if n == 27:
        return KEY_CACHE_WRITE_TOKENS if memcmp(k, b"cache_creation_input_tokens", 27) == 0 else KEY_NONE
    return KEY_NONE


cdef inline bint is_watched(AnswerScan *a) noexcept:
    """Whether keys at this level are looked at: the top, the envelope (message, response) and all of usage."""
    return a.depth == 1 or (a.depth == 2 and a.envelope) or (a.usage_depth and a.depth >= a.usage_depth)


cdef Py_ssize_t scan_answer(AnswerScan *a, const uint8_t *p, Py_ssize_t i, Py_ssize_t n, int *found) noexcept:
    """Follow an answer's JSON from p[i] to at most p[n - 1]; *a* carries the state from piece to piece.

    Return the offset reached: n with ANSWER_MORE, or behind the opening quote of a `model` value with
    ANSWER_MODEL_START, or at its closing quote with ANSWER_MODEL_END. Text that is not JSON is passed over.
    """
    cdef uint8_t c
    while i < n:
        if a.string == STRING_CLOSED_MODEL:
            # The closing quote, at which the caller was told.
            a.string = STRING_NONE
            i += 1
            continue
        if a.string != STRING_NONE:
            i = scan_answer_string(a, p, i, n)
            if a.string == STRING_CLOSED_MODEL:
                found[0] = ANSWER_MODEL_END
                return i
            continue
        if not is_watched(a):
            if a.finished:
                break
            i += fg_no_structure(p + i, n - i)
            if i >= n:
                break
        c = p[i]
        i += 1
        if c == 34:
            a.string = STRING_TEXT
            a.choices_open = False
            if is_watched(a):
                if a.key == KEY_NONE:
                    a.string = STRING_KEY
                    a.key_n = 0
                elif a.key == KEY_MODEL and not a.usage_depth:
                    a.string = STRING_MODEL
                    found[0] = ANSWER_MODEL_START
                    return i
                elif a.key == KEY_ID and a.id_n == 0 and not a.usage_depth:
                    a.string = STRING_ID
        elif c == 123 or c == 91:
            open_answer(a, c == 123)
        elif c == 125 or c == 93:
            close_answer(a)
        elif c == 58:
            a.key = answer_key(a.key_text, a.key_n) if a.key_n <= 32 else KEY_OTHER
            if a.key == KEY_NONE:
                a.key = KEY_OTHER
            elif a.key >= KEY_INPUT_TOKENS:
                start_counter(a)
        elif c == 44:
            a.key = KEY_NONE
            a.counter = KEY_NONE
        elif a.counter:
            count_digit(a, c)
    found[0] = ANSWER_MORE
    return n


cdef inline void start_counter(AnswerScan *a) noexcept:
    """A counter's key was read: the digits that follow are its value."""
    if a.key >= KEY_PROMPT_EVAL_COUNT:
        if a.depth == 1:
            a.counter = a.key - KEY_PROMPT_EVAL_COUNT + KEY_INPUT_TOKENS
    elif a.usage_depth:
        a.counter = a.key
    if a.counter:
        a.usage[a.counter - KEY_INPUT_TOKENS] = 0


cdef inline void open_answer(AnswerScan *a, bint is_object) noexcept:
    a.depth += 1
    a.choices_open = a.depth == 2 and not is_object and a.key == KEY_CHOICES
    if is_object:
        if a.depth == 2 and a.key == KEY_ENVELOPE:
            a.envelope = True
        elif a.key == KEY_USAGE and not a.usage_depth and is_watched_above(a):
            a.usage_depth = a.depth
            a.usage_seen |= a.depth == 2
    a.key = KEY_NONE
    a.counter = KEY_NONE


cdef inline bint is_watched_above(AnswerScan *a) noexcept:
    return a.depth == 2 or (a.depth == 3 and a.envelope)


cdef inline void close_answer(AnswerScan *a) noexcept:
    if a.choices_open:
        a.choices_empty = True
        a.choices_open = False
    a.depth -= 1
    if a.usage_depth and a.depth < a.usage_depth:
        a.usage_depth = 0
    if a.depth < 2:
        a.envelope = False
    if a.depth <= 0:
        a.depth = 0
        a.finished = True
    # A comma or a closing brace follows: no key is pending, but a second value cannot be taken for a key either.
    a.key = KEY_OTHER
    a.counter = KEY_NONE


cdef inline void count_digit(AnswerScan *a, uint8_t c) noexcept:
    """Add a digit to the usage counter being read; anything absurd (negative, above 2^53) counts as zero."""
    cdef int64_t *value = &a.usage[a.counter - KEY_INPUT_TOKENS]
    if 48 <= c <= 57:
        value[0] = value[0] * 10 + c - 48
        if value[0] > <int64_t>1 << 53:
            value[0] = 0
            a.counter = KEY_NONE
    elif c != 32 and c != 10 and c != 13 and c != 9:
        value[0] = 0 if c == 45 else value[0]
        a.counter = KEY_NONE


cdef Py_ssize_t scan_answer_string(AnswerScan *a, const uint8_t *p, Py_ssize_t i, Py_ssize_t n) noexcept:
    """Follow a string's inside; return the offset behind its closing quote (at it, for a model), or n."""
    cdef Py_ssize_t end = i + fg_closing_quote(p + i, n - i, &a.escape)
    if a.string == STRING_KEY:
        a.key_n = keep_text(a.key_text, a.key_n, 32, p + i, end - i)
    elif a.string == STRING_ID:
        a.id_n = keep_text(a.id_text, a.id_n, 96, p + i, end - i)
    if end == n:
        return n
    if a.string == STRING_MODEL:
        a.string = STRING_CLOSED_MODEL
        return end
    a.string = STRING_NONE
    return end + 1


cdef inline int keep_text(uint8_t *text, int used, int size, const uint8_t *p, Py_ssize_t n) noexcept:
    """Append raw bytes to a bounded text; return its length, size + 1 if it does not fit."""
    if used + n > size:
        return size + 1
    memcpy(text + used, p, n)
    return used + <int>n
