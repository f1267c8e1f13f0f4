# Words in memory that all workers map: read and written whole, never locked.
# Rule 1: a lane has one writer, its worker; a reader adds the lanes up. What a dead worker left is zeroed by its supervisor.
# Rule 2: an estimate belongs to whoever wrote it last: a lost race costs one sample.
# Rule 3: zeroed memory is a valid start: nothing in flight, nothing measured, nothing ejected.

cdef enum:
    LINE_WORDS = 8
    # Kinds of lanes that a deployment has.
    LANE_OPEN = 0       # requests in flight, and above SILENT_SHIFT those without a first byte
    LANE_WORK = 1       # us of solo work that they have left
    LANE_TOKENS = 2     # tokens they have produced
    LANE_SILENT = 3     # the one that has waited longest for its first byte: ms of its dispatch, and the ms it was expected to take
    LANE_HELD = 4       # requests held back for it
    LANE_KINDS = 5
    SILENT_SHIFT = 32
    OPEN_MASK = 0x7FFFFFFF
    EXPECTED_BITS = 24
    # Words behind the lanes: what is known of a deployment. f64 if in seconds, or without a unit; i64 if in us, or a count.
    KNOWN_OVERHEAD_S = 0    # time to the first byte = overhead + prompt tokens * prompt_s, alone on the deployment
    KNOWN_PROMPT_S = 1
    KNOWN_TOKEN_S = 2       # per output token, alone
    KNOWN_CONTENTION = 3    # n requests at a time take n ** contention as long each; 1 + it, 0: not learned
    KNOWN_QUEUED = 4        # 1: a queue was seen, so that it has no more slots than KNOWN_SEEN
    KNOWN_SAMPLES = 5
    KNOWN_SAMPLED_US = 6
    KNOWN_OVERTOOK_US = 7   # latest dispatch among those that had their first byte
    KNOWN_FAILING = 8       # 1 - chance of success, as of KNOWN_FAILED_US
    KNOWN_FAILED_US = 9
    KNOWN_FAIL_S = 10       # how long a failure takes
    KNOWN_OUT_UNTIL_US = 11
    KNOWN_FAILURES = 12     # in a row
    KNOWN_LIMITED = 13      # 429s in a row
    KNOWN_PROBE_UNTIL_US = 14
    KNOWN_SEEN = 15         # most requests seen to be answered at a time: it has at least as many slots
    KNOWN_RETRY_US = 16     # what the last 429 said
    KNOWN_PRICE_S = 17      # what the others lose by a request that a rate limit admits, as of KNOWN_PRICED_US
    KNOWN_PRICED_US = 18
    KNOWN_PACE_US = 19      # between two requests that its limit admits, as 429s tell; 0: not known
    KNOWN_SPENT_US = 20     # until when its limit was used up, as the last 429 said
    KNOWN_ADMITTED = 21     # requests since the last 429
    KNOWN_IDLE_US = 22      # since when nothing is in flight
    KNOWN_UNLOAD_US = 23    # shortest such time after which its model had to be loaded; 0: not seen
    KNOWN_LOAD_S = 24       # how long that took
    KNOWN_LOADED_US = 25    # when a load that goes on is expected to end
    KNOWN_EJECTED = 26      # 1: it is or was out for failures, and no good answer has come since
    KNOWN_OUT_SINCE_US = 27  # when it was last put out: answers to earlier requests say nothing
    KNOWN_MINUTE_FAILURES = 28  # within the present minute, as below
    KNOWN_CHUNK_TOKENS = 29  # output tokens per event of a stream; 0: not learned
    KNOWN_WORDS = 32
    # Regression sums, under SUMS_TAKEN_US: when they were taken; 0: free.
    SUMS_TAKEN_US = 0
    SUMS_FIRST = 1          # weight, x, xx, y, xy of the time to the first byte by prompt tokens
    SUMS_CONTENTION = 6     # the same of ln(time per token) by ln(requests at a time)
    SUMS_WORDS = 16
    # Use within the present minute, (minute << USE_SHIFT) + amount.
    USE_TOKENS = 0
    USE_REQUESTS = 1
    USE_WORDS = 8
    USE_SHIFT = 40
    # A group: answers by their length, in powers of two; then lanes; then what its requests have earned of hedges.
    LENGTH_BUCKETS = 16
    GROUP_LANE_OLDEST = 0   # rank of the request held back whose turn is next: the least of all lanes is next; 0: none is held back
    GROUP_LANE_TURNS = 1    # us of work: virtual time of the turns given
    GROUP_LANE_KINDS = 2
    BUDGET_WORDS = 8


cdef inline int64_t lanes_sum(const int64_t *lane, int lanes) noexcept:
    cdef int64_t total = 0
    cdef int i
    for i in range(lanes):
        total += fg_get(lane + i)
    return total


cdef inline void lane_add(int64_t *lane, int64_t amount) noexcept:
    """Change a lane that only the caller writes."""
    fg_put(lane, fg_get(lane) + amount)


cdef inline bint sums_take(int64_t *sums, int64_t now_us) noexcept:
    """Take the sums, if nobody has them; who has kept them for a second is dead."""
    cdef int64_t seen = fg_get(sums + SUMS_TAKEN_US)
    if seen != 0 and 0 <= now_us - seen < 1000000:
        return False
    return fg_replace(sums + SUMS_TAKEN_US, seen, now_us if now_us else 1)


cdef int64_t use_now(const int64_t *word, int64_t minute) noexcept:
    """Return what was used in this *minute*."""
    cdef int64_t seen = fg_get(word)
    return seen & ((<int64_t>1 << USE_SHIFT) - 1) if seen >> USE_SHIFT == minute else 0


cdef void use_add(int64_t *word, int64_t minute, int64_t amount) noexcept:
    """Count *amount*, which may be negative, in its *minute*; in a later one it is forgotten."""
    cdef int64_t seen, used
    cdef int turn
    for turn in range(64):
        seen = fg_get(word)
        if seen >> USE_SHIFT > minute:
            return
        used = max(<int64_t>0, use_now(&seen, minute) + amount)
        if fg_replace(word, seen, (minute << USE_SHIFT) + min(used, (<int64_t>1 << USE_SHIFT) - 1)):
            return
