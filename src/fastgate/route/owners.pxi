# Which account made an id: a stored response, a file or a batch lives in one account, and only that one knows it.
# A table of words in memory that all workers share: an id's hash without its low bits, and the account in those.
# Rule 1: a word is written and read whole (atomically); nothing is ever locked, and a lost race loses one id at the most.
# Rule 2: it is a memory, not a record: old ids give way to new ones, and a restart forgets them all.

cdef extern from *:
    """
    static inline uint64_t fg_load(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
    static inline void fg_store(uint64_t *p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); }
    static inline uint64_t fg_hash(const uint8_t *p, ptrdiff_t n) {
        /* FNV-1a, then a multiply and shift so that the high bits depend on every byte. */
        uint64_t h = 14695981039346656037ULL;
        for (ptrdiff_t i = 0; i < n; i++) h = (h ^ p[i]) * 1099511628211ULL;
        h ^= h >> 32;
        return h * 0x9e3779b97f4a7c15ULL;
    }
    """
    uint64_t fg_load(const uint64_t *p) noexcept
    void fg_store(uint64_t *p, uint64_t v) noexcept
    uint64_t fg_hash(const uint8_t *p, Py_ssize_t n) noexcept

cdef enum:
    # Words that one id may stand in.
    OWNER_WAYS = 4
    OWNER_BITS = 0xFFFF


cdef class Owners:
    """Accounts by id, in *memory*: a writable buffer of a power of two of bytes, zeroed, shared by all workers."""

    def __init__(self, memory):
        self.memory = memory
        self.words = <uint64_t *><void *>&self.memory[0]
        self.mask = <uint64_t>(len(memory) // 8 - 1) & ~<uint64_t>(OWNER_WAYS - 1)

    def remember(self, bytes name not None, int account):
        """Note that *account* (0 to 65534) made the id *name*."""
        owners_remember(self, <const uint8_t *>PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name), account)

    def find(self, bytes name not None):
        """Return the account that made the id *name*, or -1."""
        return owners_find(self, <const uint8_t *>PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))


cdef int owners_remember(Owners self, const uint8_t *p, Py_ssize_t n, int account) noexcept:
    """Put the id first in its row; the others move back up to where it stood, the oldest falls out."""
    cdef uint64_t hashed = fg_hash(p, n)
    cdef uint64_t *row = self.words + ((hashed >> 24) & self.mask)
    cdef uint64_t word
    cdef int place = 0
    while place < OWNER_WAYS - 1:
        word = fg_load(&row[place])
        if word == 0 or (word ^ hashed) >> 16 == 0:
            break
        place += 1
    while place:
        fg_store(&row[place], fg_load(&row[place - 1]))
        place -= 1
    fg_store(&row[0], (hashed & ~<uint64_t>OWNER_BITS) | <uint64_t>(account + 1))
    return 0


cdef int owners_find(Owners self, const uint8_t *p, Py_ssize_t n) noexcept:
    cdef uint64_t hashed = fg_hash(p, n)
    cdef uint64_t *row = self.words + ((hashed >> 24) & self.mask)
    cdef uint64_t word
    cdef int way
    for way in range(OWNER_WAYS):
        word = fg_load(&row[way])
        if word and (word ^ hashed) >> 16 == 0:
            return <int>(word & OWNER_BITS) - 1
    return -1
