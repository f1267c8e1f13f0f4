# Words in memory that all workers map: read and written whole, never locked. Zeroed memory is a valid start of all that lies in them.

cdef extern from *:
    """
    #include <string.h>
    _Static_assert(__atomic_always_lock_free(8, 0), "words of 64 bits are shared without locks");
    static inline int64_t fg_get(const int64_t *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
    static inline void fg_put(int64_t *p, int64_t v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); }
    static inline double fg_get_real(const int64_t *p) {
        int64_t bits = fg_get(p);
        double v;
        memcpy(&v, &bits, 8);
        return v;
    }
    static inline void fg_put_real(int64_t *p, double v) {
        int64_t bits;
        memcpy(&bits, &v, 8);
        fg_put(p, bits);
    }
    static inline int fg_replace(int64_t *p, int64_t seen, int64_t v) {
        return __atomic_compare_exchange_n(p, &seen, v, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
    }
    static inline void fg_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
    static inline void fg_release(int64_t *p) { __atomic_store_n(p, 0, __ATOMIC_RELEASE); }
    static inline int fg_update(int64_t *p, int64_t *seen, int64_t v) {
        return __atomic_compare_exchange_n(p, seen, v, 1, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    }
    static inline int64_t fg_add(int64_t *p, int64_t v) { return __atomic_add_fetch(p, v, __ATOMIC_ACQ_REL); }
    static inline int64_t fg_mask(int64_t *p, int64_t bits) { return __atomic_and_fetch(p, bits, __ATOMIC_ACQ_REL); }
    static inline void fg_pause(void) {
        /* A tenth of a microsecond: what another process began in between is over then, if it is running. */
        for (int i = 0; i < 8; i++) {
    #if defined(__x86_64__)
            __builtin_ia32_pause();
    #else
            __asm__ __volatile__("" ::: "memory");
    #endif
        }
    }
    """
    int64_t fg_get(const int64_t *p) noexcept
    void fg_put(int64_t *p, int64_t v) noexcept
    double fg_get_real(const int64_t *p) noexcept
    void fg_put_real(int64_t *p, double v) noexcept
    # Whether *p was *seen* and is v now.
    bint fg_replace(int64_t *p, int64_t seen, int64_t v) noexcept
    void fg_release(int64_t *p) noexcept
    # What this worker has written is seen by all before it reads on.
    void fg_fence() noexcept
    # The same for a loop: it may fail without cause, and then *seen is what *p is.
    bint fg_update(int64_t *p, int64_t *seen, int64_t v) noexcept
    # Return what *p is then.
    int64_t fg_add(int64_t *p, int64_t v) noexcept
    int64_t fg_mask(int64_t *p, int64_t bits) noexcept
    void fg_pause() noexcept
