# Texts of a request, carried from one dialect's body into another's as they stand: what nobody looks into is not decoded.

cdef enum:
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


cdef enum:
    # What a member at the top of an answer is, or of a request: it or its members name who asks, and what for.
    TOP_OTHER = 0
    TOP_ID
    TOP_CREATED
    TOP_USAGE
    TOP_NAME
    TOP_NAMES


cdef class HeldTexts:
    """A JSON body taken apart: what others have in common with it, and its own texts, by their number."""

    def __dealloc__(self):
        buffer_free(&self.spans)
        buffer_free(&self.kept)

    def __len__(self):
        return buffer_len(&self.spans) // (2 * sizeof(Py_ssize_t))

    def fill(self, tuple pieces not None, tuple gaps not None, list others not None):
        """Return *pieces* with a text between any two: gaps[n] is the number of the one behind piece n; behind the last come *others*."""
        cdef const Py_ssize_t *spans = <const Py_ssize_t *>(self.spans.data + self.spans.start)
        cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(self.body)
        cdef Py_ssize_t count = len(self), total = 0, i, gap
        cdef bytes made, piece
        cdef char *end
        if len(pieces) != len(gaps) + 1:
            raise ValueError("one gap between any two pieces")
        for piece in pieces:
            total += PyBytes_GET_SIZE(piece)
        for i in range(len(gaps)):
            gap = gaps[i]
            if not 0 <= gap < count + len(others):
                raise ValueError("no such text")
            total += spans[2 * gap + 1] - spans[2 * gap] if gap < count else len(<bytes?>others[gap - count])
        made = PyBytes_FromStringAndSize(NULL, total)
        end = PyBytes_AS_STRING(made)
        for i in range(len(pieces)):
            piece = <bytes>pieces[i]
            memcpy(end, PyBytes_AS_STRING(piece), PyBytes_GET_SIZE(piece))
            end += PyBytes_GET_SIZE(piece)
            if i == len(gaps):
                break
            gap = gaps[i]
            if gap < count:
                memcpy(end, p + spans[2 * gap], spans[2 * gap + 1] - spans[2 * gap])
                end += spans[2 * gap + 1] - spans[2 * gap]
            else:
                piece = <bytes>others[gap - count]
                memcpy(end, PyBytes_AS_STRING(piece), PyBytes_GET_SIZE(piece))
                end += PyBytes_GET_SIZE(piece)
        return made


def hold_texts(bytes body not None, bytes mark not None):
    """Return a request's JSON with *mark* and six digits for each text, and for what names users and sessions; None if it has none."""
    cdef HeldTexts held = separate(body, mark, None)
    return held if held is not None and len(held) else None


def hold_answer(bytes body not None, bytes mark not None, bytes moment not None):
    """Return an answer's JSON without what differs between answers of one form; None if it cannot be told apart, or is no JSON.

    Texts are held as by `hold_texts`, behind its prefix the id is *mark* and 999999, each number of `usage` is 0, `created` is *moment*.
    """
    cdef RequestScan scan
    # What is held goes to the caller unread.
    if scan_request(&scan, <const uint8_t *>PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body)):
        return None
    return separate(body, mark, moment)


cdef HeldTexts separate(bytes body, bytes mark, bytes moment):
    cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(body)
    cdef Py_ssize_t n = PyBytes_GET_SIZE(body), i = 0, start, end, depth = 0
    cdef bint within[TEXT_DEPTH]  # every member on the way to this depth leads to texts
    cdef bint leads = False  # as does the one that is read
    cdef int escape, top = TOP_OTHER
    cdef HeldTexts held = HeldTexts.__new__(HeldTexts)
    held.body = body
    held.usage = held.created = held.name = b""
    held.names = []
    while i < n:
        if p[i] == 34:
            start = i + 1
            escape = 0
            end = fg_closing_quote(p + start, n - start, &escape)
            end += start
            if end == n:
                return None
            i = skip_space(p, end + 1, n)
            if i < n and p[i] == 58:
                leads = 0 < depth < TEXT_DEPTH and within[depth] and is_way_to_text(p + start, end - start, depth, moment is not None)
                if depth == 1:
                    if moment is None:
                        top = naming_member(p + start, end - start)
                    else:
                        if memchr(p + start, 92, end - start) != NULL:
                            # It may be any of those that are looked for.
                            return None
                        top = top_member(p + start, end - start)
                        i = take_number(held, moment, top, skip_space(p, i + 1, n))
            elif top == TOP_ID and depth == 1:
                take_name(held, mark, behind_prefix(p, start, end), end)
            elif leads:
                take_text(held, mark, start, end)
            elif top == TOP_NAME and depth == 1 or top == TOP_NAMES and depth == 2:
                if take_text(held, mark, start, end):
                    held.names.append(len(held) - 1)
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
            if depth == 1:
                top = TOP_OTHER
        i += 1
    copy_until(held, n, n)
    held.skeleton = bytes_of(held.kept.data + held.kept.start, buffer_len(&held.kept))
    buffer_free(&held.kept)
    return held


cdef int copy_until(HeldTexts self, Py_ssize_t at, Py_ssize_t behind) except -1:
    """Copy what stands before body[at]; what stands before *behind* is not copied."""
    buffer_append(&self.kept, <const uint8_t *>PyBytes_AS_STRING(self.body) + self.copied, at - self.copied)
    self.copied = behind
    return 0


cdef int take_text(HeldTexts self, bytes mark, Py_ssize_t start, Py_ssize_t end) except -1:
    """Hold the JSON string body[start .. end), without the white space at its ends. Return 1 if there is something to hold."""
    cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(self.body)
    cdef Py_ssize_t span[2]
    if fg_has_u_escape(p + start, end - start):
        return 0
    start += blank_start(p + start, end - start)
    end = start + blank_end(p + start, end - start)
    if start == end:
        return 0
    copy_until(self, start, end)
    put_number(&self.kept, mark, len(self))
    span[0], span[1] = start, end
    buffer_append(&self.spans, <const uint8_t *>span, sizeof(span))
    return 1


cdef int take_name(HeldTexts self, bytes mark, Py_ssize_t start, Py_ssize_t end) except -1:
    """Hold the end of the id, body[start .. end)."""
    if start == end or memchr(PyBytes_AS_STRING(self.body) + start, 92, end - start) != NULL:
        return 0
    copy_until(self, start, end)
    self.name = self.body[start:end]
    return put_number(&self.kept, mark, 999999)


cdef Py_ssize_t take_number(HeldTexts self, bytes moment, int top, Py_ssize_t i) except -1:
    """Hold `created`, or the numbers of `usage`, whose value begins at body[i]. Return where to read on."""
    cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(self.body)
    cdef Py_ssize_t n = PyBytes_GET_SIZE(self.body), start = i
    if top == TOP_USAGE and i < n and p[i] == 123:
        copy_until(self, i, i)
        i = zero_numbers(&self.kept, p, i, n)
        self.usage = self.body[start:i]
        self.copied = i
    elif top == TOP_CREATED:
        while i < n and 48 <= p[i] <= 57:
            i += 1
        if i > start:
            copy_until(self, start, i)
            self.created = self.body[start:i]
            head_text(&self.kept, moment)
    return i


cdef int put_number(Buffer *b, bytes mark, Py_ssize_t number) except -1:
    """Append *mark* and six digits."""
    cdef uint8_t digits[6]
    cdef int i
    head_text(b, mark)
    for i in range(6):
        digits[5 - i] = 48 + number % 10
        number //= 10
    return buffer_append(b, digits, 6)


cdef bint is_way_to_text(const uint8_t *key, Py_ssize_t n, Py_ssize_t depth, bint answer) noexcept:
    """Whether a member holds texts of messages, or what holds them. Arguments, schemas, sources and data are under other names."""
    if n == 7 and memcmp(key, b"content", 7) == 0:
        return depth > 1 or answer
    if answer and n == 7 and memcmp(key, b"choices" if depth == 1 else b"message", 7) == 0:
        return True
    if depth == 1:
        return not answer and (n == 8 and memcmp(key, b"messages", 8) == 0 or n == 6 and memcmp(key, b"system", 6) == 0)
    return n == 4 and memcmp(key, b"text", 4) == 0


cdef int top_member(const uint8_t *key, Py_ssize_t n) noexcept:
    if n == 2 and memcmp(key, b"id", 2) == 0:
        return TOP_ID
    if n == 7 and memcmp(key, b"created", 7) == 0:
        return TOP_CREATED
    return TOP_USAGE if n == 5 and memcmp(key, b"usage", 5) == 0 else TOP_OTHER


cdef int naming_member(const uint8_t *key, Py_ssize_t n) noexcept:
    if n == 8 and memcmp(key, b"metadata", 8) == 0:
        return TOP_NAMES
    if n == 4 and memcmp(key, b"user", 4) == 0 or n == 16 and memcmp(key, b"prompt_cache_key", 16) == 0:
        return TOP_NAME
    return TOP_NAME if n == 17 and memcmp(key, b"safety_identifier", 17) == 0 else TOP_OTHER


cdef Py_ssize_t behind_prefix(const uint8_t *p, Py_ssize_t start, Py_ssize_t end) noexcept:
    """Return where an id goes on behind `msg_`, `chatcmpl-`, ...: kinds of ids are told apart by what stands before."""
    cdef Py_ssize_t i = start
    while i < end and p[i] != 95 and p[i] != 45:
        i += 1
    return i + 1 if i < end else end


cdef Py_ssize_t zero_numbers(Buffer *b, const uint8_t *p, Py_ssize_t i, Py_ssize_t n) except -1:
    """Copy the object at p[i] with 0 for each number. Return where it ends."""
    cdef Py_ssize_t copied = i, depth = 0
    cdef int escape
    while i < n:
        if p[i] == 34:
            escape = 0
            i = i + 1 + fg_closing_quote(p + i + 1, n - i - 1, &escape) + 1
            continue
        if 48 <= p[i] <= 57 or p[i] == 45:
            buffer_append(b, p + copied, i - copied)
            buffer_append(b, b"0", 1)
            while i < n and (48 <= p[i] <= 57 or p[i] == 45 or p[i] == 43 or p[i] == 46 or p[i] == 69 or p[i] == 101):
                i += 1
            copied = i
            continue
        if p[i] == 123 or p[i] == 91:
            depth += 1
        elif p[i] == 125 or p[i] == 93:
            depth -= 1
            if depth == 0:
                i += 1
                break
        i += 1
    i = min(i, n)
    buffer_append(b, p + copied, i - copied)
    return i


cdef inline bint is_visible(const uint8_t *p, Py_ssize_t n) noexcept:
    """Whether a character at p[0], not of ASCII, is no white space: Unicode's stand in the blocks that these bytes begin."""
    if n < 2 or p[0] < 0xC2:
        return False
    if p[0] == 0xC2:
        return p[1] != 0x85 and p[1] != 0xA0
    if p[0] == 0xE1:
        return p[1] != 0x9A
    if p[0] == 0xE2:
        return p[1] != 0x80 and p[1] != 0x81
    return p[0] != 0xE3 or p[1] != 0x80


cdef Py_ssize_t blank_start(const uint8_t *p, Py_ssize_t n) noexcept:
    """Return the length of a JSON string's beginning that may be white space, or more: up to a visible character."""
    cdef Py_ssize_t i = 0
    while i < n and (p[i] <= 32 or p[i] == 127 or p[i] == 92 or p[i] > 127 and not is_visible(p + i, n - i)):
        i += 2 if p[i] == 92 else 1
    return min(i, n)


cdef Py_ssize_t blank_end(const uint8_t *p, Py_ssize_t n) noexcept:
    """Return the length of a JSON string without an end that may be white space: up to a visible character that ends no escape."""
    cdef Py_ssize_t i = n, slashes, lead
    while i > 0:
        if p[i - 1] > 127:
            lead = i - 1
            while lead > 0 and p[lead] & 0xC0 == 0x80:
                lead -= 1
            if is_visible(p + lead, i - lead):
                return i
            i = lead
        elif p[i - 1] > 32 and p[i - 1] < 127 and p[i - 1] != 92:
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
