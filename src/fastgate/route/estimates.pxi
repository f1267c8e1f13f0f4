# What a deployment has shown of its speed: time to the first byte, time per token, contention, slots.
# All of it in solo seconds: what a request takes alone, whatever company it had. Running beside m - 1 others it goes 1 / m ** contention
# as fast, so the solo work of an interval is the integral of that pace.

cdef enum:
    # A stream's work is estimated anew after as many tokens, or us.
    REFRESH_TOKENS = 16
    REFRESH_US = 250000
    LIVE_US = 500000
    # Slots of a deployment that has shown no queue, at the least.
    UNSEEN_SLOTS = 8

cdef double DEFAULT_CONTENTION = 0.8
# Of a group in which nothing is measured.
cdef double DEFAULT_OVERHEAD_S = 0.3
cdef double DEFAULT_PROMPT_S = 0.0005
cdef double DEFAULT_TOKEN_S = 0.02
# An answer's length while none has been seen: as if so many had had about 200 tokens.
cdef double PRIOR_LENGTHS = 2
cdef int PRIOR_BUCKET = 7
# What older samples of a regression count for beside one more.
cdef double FORGET = 0.97
# Samples that the first guess of the contention counts for, in the spread of ln(requests at a time).
cdef double CONTENTION_RIDGE = 1.0
# A new sample's share in the time per token; and of 0.5 s of running streams.
cdef double TOKEN_SHARE = 0.25
cdef double LIVE_SHARE = 0.12
# Its most, and that of one that is no longer chance.
cdef double LIVE_MOST = 0.3
# A sample counts for this many times the estimate at the most: a model that had to be loaded is no slow model.
cdef double CLIP = 3
# A first byte behind an idle time that is late by so much, and by what it should take, may have waited for its model to be loaded.
cdef double LOAD_SHORTEST_S = 2
# Times faster or slower at which it is no longer chance.
cdef double SHIFT = 2


cdef inline double clipped(double sample, double estimate) noexcept:
    return max(estimate / CLIP, min(sample, estimate * CLIP)) if estimate > 0 else sample


cdef double expected_left(Fleet self, int group, double tokens, double limit) noexcept:
    """Return the output tokens still to be expected of an answer that has *tokens*, E[O - k | O > k]; *limit* 0: unbounded."""
    cdef int64_t *lengths = lengths_of(self, group)
    cdef double low = 0, high = 2, mass, middle, sum_mass = 0, sum_left = 0
    cdef int bucket
    for bucket in range(LENGTH_BUCKETS):
        if high > tokens:
            mass = fg_get_real(lengths + bucket)
            if bucket == PRIOR_BUCKET:
                mass += PRIOR_LENGTHS
            if mass > 0:
                middle = low
                if tokens > low:
                    middle = tokens
                    mass *= (high - tokens) / (high - low)
                middle = (middle + high) * 0.5
                if 0 < limit < middle:
                    middle = limit
                sum_mass += mass
                sum_left += mass * (middle - tokens)
        low = high
        high *= 2
    if sum_mass <= 0:
        # Longer than any: it has come half of its way.
        sum_mass = 1
        sum_left = max(tokens, 1.0) if limit <= 0 else limit - tokens
    return max(1.0, sum_left / sum_mass)


cdef void learn_length(Fleet self, int group, double tokens) noexcept:
    cdef int64_t *lengths = lengths_of(self, group)
    cdef double high = 2, total = 0
    cdef int bucket = 0, at
    while tokens >= high and bucket < LENGTH_BUCKETS - 1:
        high *= 2
        bucket += 1
    fg_put_real(lengths + bucket, fg_get_real(lengths + bucket) + 1)
    for at in range(LENGTH_BUCKETS):
        total += fg_get_real(lengths + at)
    if total > 1000:
        for at in range(LENGTH_BUCKETS):
            fg_put_real(lengths + at, fg_get_real(lengths + at) * 0.5)


cdef inline double chunk_tokens(Fleet self, int deployment) noexcept:
    """Return how many output tokens an event of a stream has, as far as was seen."""
    cdef double learned = fg_get_real(known_of(self, deployment) + KNOWN_CHUNK_TOKENS)
    return learned if learned > 0 else 1


cdef void learn_chunk(Fleet self, int deployment, double tokens) noexcept:
    """Learn from a stream whose events had *tokens* each."""
    cdef int64_t *known = known_of(self, deployment)
    cdef double before = fg_get_real(known + KNOWN_CHUNK_TOKENS)
    fg_put_real(known + KNOWN_CHUNK_TOKENS, before + TOKEN_SHARE * (tokens - before) if before > 0 else tokens)


cdef inline int64_t slots_of(Fleet self, int deployment) noexcept:
    """Return how many requests a deployment serves at a time: known, learned, or not contradicted so far."""
    cdef Member *m = &self.members[deployment]
    cdef const int64_t *known = known_of(self, deployment)
    cdef int64_t seen
    if m.slots > 0:
        return m.slots
    seen = fg_get(known + KNOWN_SEEN)
    if fg_get(known + KNOWN_QUEUED):
        return max(<int64_t>1, seen)
    return max(<int64_t>UNSEEN_SLOTS, 2 * seen)


cdef void observe(Fleet self, int deployment, int64_t now_us) noexcept:
    """Bring the deployment's sums over time up to date; called before anything changes there."""
    cdef Member *m = &self.members[deployment]
    cdef double span = (now_us - m.seen_us) * 1e-6
    cdef double pace
    cdef int64_t open
    if span > 0:
        if m.seen_us:
            pace = 1 / power_of(m, m.running) if m.running > 1 else 1
            m.load += span * m.running
            m.pace += span * pace
            m.live_pace += span * pace * m.streams
        m.seen_us = now_us
        if now_us - m.live_us >= LIVE_US:
            learn_live(self, deployment, now_us)
    open = lanes_sum(lane_of(self, deployment, LANE_OPEN), self.lanes) & OPEN_MASK
    m.running = min(open, slots_of(self, deployment))


cdef void learn_live(Fleet self, int deployment, int64_t now_us) noexcept:
    """Take the token rate of the streams that are running: a deployment that slows down shows it before any of them ends."""
    cdef Member *m = &self.members[deployment]
    cdef int64_t *known = known_of(self, deployment)
    cdef double before = fg_get_real(known + KNOWN_TOKEN_S)
    cdef double sample, share, after
    if m.live_pace > 0 and before > 0 and fg_get(known + KNOWN_SAMPLES) and now_us - m.live_us < 8 * LIVE_US:
        sample = clipped(m.live_pace / max(m.live_tokens, <int64_t>1), before)
        # Less than a token of each stream says only that it is no faster than that.
        if m.live_tokens >= 2 * m.streams or sample > before:
            share = LIVE_SHARE * (now_us - m.live_us) / LIVE_US
            share = LIVE_MOST if sample > before * SHIFT or sample * SHIFT < before else min(share, LIVE_MOST)
            after = before + share * (sample - before) if sample > before else before * pow(sample / before, share)
            fg_put_real(known + KNOWN_TOKEN_S, after)
    m.live_us = now_us
    m.live_pace = 0
    m.live_tokens = 0


cdef void fit_add(int64_t *sums, double weight, double x, double y) noexcept:
    fg_put_real(sums, fg_get_real(sums) * FORGET + weight)
    fg_put_real(sums + 1, fg_get_real(sums + 1) * FORGET + weight * x)
    fg_put_real(sums + 2, fg_get_real(sums + 2) * FORGET + weight * x * x)
    fg_put_real(sums + 3, fg_get_real(sums + 3) * FORGET + weight * y)
    fg_put_real(sums + 4, fg_get_real(sums + 4) * FORGET + weight * x * y)


cdef void learn_first(Fleet self, int deployment, double prompt_tokens, double sample, int64_t now_us) noexcept:
    """Learn from a request of *prompt_tokens* whose first byte took *sample* solo seconds."""
    cdef int64_t *known = known_of(self, deployment)
    cdef int64_t *sums = sums_of(self, deployment)
    cdef int64_t *fit = sums + SUMS_FIRST
    cdef double overhead = fg_get_real(known + KNOWN_OVERHEAD_S), prompt = fg_get_real(known + KNOWN_PROMPT_S)
    cdef double expected, weight, w, x, xx, y, xy, spread
    if not sums_take(sums, now_us):
        return
    if overhead <= 0 and prompt <= 0:
        # The first sample cannot tell one from the other: in proportion, and the shape counts for half a sample.
        expected = DEFAULT_OVERHEAD_S + DEFAULT_PROMPT_S * prompt_tokens
        overhead = DEFAULT_OVERHEAD_S * sample / expected
        prompt = DEFAULT_PROMPT_S * sample / expected
        weight = 0.25 / (overhead * overhead + 1e-6)
        fit_add(fit, weight, 0, overhead)
        weight = 0.25 / (sample * sample + 1e-6)
        fit_add(fit, weight, 1000, overhead + prompt * 1000)
    expected = overhead + prompt * prompt_tokens
    sample = clipped(sample, expected)
    fit_add(fit, 1 / (expected * expected + 1e-6), prompt_tokens, sample)
    w = fg_get_real(fit)
    x = fg_get_real(fit + 1)
    xx = fg_get_real(fit + 2)
    y = fg_get_real(fit + 3)
    xy = fg_get_real(fit + 4)
    fg_release(sums + SUMS_TAKEN_US)
    spread = w * xx - x * x
    prompt = (w * xy - x * y) / spread if spread > 1e-9 * w * xx else prompt
    overhead = (y - prompt * x) / w
    if prompt < 0:
        prompt = 0
        overhead = y / w
    elif overhead < 0:
        overhead = 0
        prompt = xy / xx
    fg_put_real(known + KNOWN_OVERHEAD_S, overhead)
    fg_put_real(known + KNOWN_PROMPT_S, prompt)


cdef void learn_contention(Fleet self, int deployment, double together, double token_s, int64_t now_us) noexcept:
    """Learn from an answer whose tokens took *token_s* each while *together* requests ran at a time."""
    cdef int64_t *sums = sums_of(self, deployment)
    cdef int64_t *fit = sums + SUMS_CONTENTION
    cdef double prior = self.members[deployment].prior_contention
    cdef double w, x, xx, y, xy, spread
    if together < 1 or token_s <= 0 or not sums_take(sums, now_us):
        return
    fit_add(fit, 1, log(together), log(token_s))
    w = fg_get_real(fit)
    x = fg_get_real(fit + 1)
    xx = fg_get_real(fit + 2)
    y = fg_get_real(fit + 3)
    xy = fg_get_real(fit + 4)
    fg_release(sums + SUMS_TAKEN_US)
    spread = max(0.0, xx - x * x / w)
    prior = (xy - x * y / w + CONTENTION_RIDGE * prior) / (spread + CONTENTION_RIDGE)
    fg_put_real(known_of(self, deployment) + KNOWN_CONTENTION, 1 + max(0.0, min(prior, 1.0)))
    member_sync(self, deployment)


cdef void learn_token(Fleet self, int deployment, double sample, int64_t now_us) noexcept:
    """Learn from a stream whose tokens took *sample* solo seconds each."""
    cdef int64_t *known = known_of(self, deployment)
    cdef double before = fg_get_real(known + KNOWN_TOKEN_S)
    cdef double after
    if sample <= 0:
        return
    if before <= 0:
        fg_put_real(known + KNOWN_TOKEN_S, sample)
        return
    # Down by ratios: what was ten times as slow is found to be well again as soon as it was found to be ill.
    after = before + TOKEN_SHARE * (min(sample, before * CLIP) - before) if sample > before else before * pow(sample / before, TOKEN_SHARE)
    fg_put_real(known + KNOWN_TOKEN_S, after)
    if sample > before * SHIFT or sample * SHIFT < before:
        # A machine that slows down, or recovers, does so with prompts too.
        scale_first(self, deployment, after / before, now_us)


cdef void scale_first(Fleet self, int deployment, double factor, int64_t now_us) noexcept:
    """Let all first bytes seen so far have taken *factor* times as long."""
    cdef int64_t *known = known_of(self, deployment)
    cdef int64_t *sums = sums_of(self, deployment)
    cdef int64_t *fit = sums + SUMS_FIRST
    if sums_take(sums, now_us):
        fg_put_real(known + KNOWN_OVERHEAD_S, fg_get_real(known + KNOWN_OVERHEAD_S) * factor)
        fg_put_real(known + KNOWN_PROMPT_S, fg_get_real(known + KNOWN_PROMPT_S) * factor)
        fg_put_real(fit + 3, fg_get_real(fit + 3) * factor)
        fg_put_real(fit + 4, fg_get_real(fit + 4) * factor)
        fg_release(sums + SUMS_TAKEN_US)


cdef void learn_whole(Fleet self, int deployment, double prompt_tokens, double tokens, double sample, int64_t now_us) noexcept:
    """Learn from an answer that came at once after *sample* solo seconds: all that was expected was too little, or too much."""
    cdef int64_t *known = known_of(self, deployment)
    cdef double overhead = fg_get_real(known + KNOWN_OVERHEAD_S), prompt = fg_get_real(known + KNOWN_PROMPT_S)
    cdef double token_s = fg_get_real(known + KNOWN_TOKEN_S)
    cdef double expected, factor
    if sample <= 0:
        return
    if token_s <= 0:
        overhead, prompt, token_s = DEFAULT_OVERHEAD_S, DEFAULT_PROMPT_S, DEFAULT_TOKEN_S
        factor = sample / (overhead + prompt * prompt_tokens + token_s * tokens)
    else:
        expected = overhead + prompt * prompt_tokens + token_s * tokens
        factor = 1 + TOKEN_SHARE * (clipped(sample, expected) / expected - 1)
    fg_put_real(known + KNOWN_OVERHEAD_S, overhead)
    fg_put_real(known + KNOWN_PROMPT_S, prompt)
    fg_put_real(known + KNOWN_TOKEN_S, token_s * factor)
    scale_first(self, deployment, factor, now_us)


cdef void learn_slots(Fleet self, int deployment, int64_t now_us) noexcept:
    """Learn from a first byte that does not come: the oldest request of this worker is in a queue, if none has overtaken it."""
    cdef Ticket *oldest = self.members[deployment].oldest
    cdef int64_t *known = known_of(self, deployment)
    if oldest == NULL or oldest.whole or self.members[deployment].slots > 0:
        return
    if now_us - oldest.dispatched_us < oldest.expected_us * 5 // 2 + 500000:
        return
    # Requests that are slow for reasons of their own are overtaken; in a queue none is.
    if fg_get(known + KNOWN_OVERTOOK_US) > oldest.dispatched_us:
        return
    if fg_get(known + KNOWN_SEEN):
        fg_put(known + KNOWN_QUEUED, 1)
