# The candidates of one request with what is known of each, and what the request costs there: its own time and what it delays others by.

# Seconds without a sample after which a deployment that seems slow is believed to be like the others, little by little.
cdef double STALE_S = 25
cdef double STALE_DRIFT_S = 30
# One that was never asked is taken to be a little better than the others, by this many requests at a time.
cdef double COLD_FACTOR = 0.7
# Seconds of which the price of a rate limit is an average, and how many of them one choice speaks for at the most.
cdef double PRICE_SPAN_S = 60
cdef double PRICE_STEP_S = 5
# Of the price, what is asked: between two that cost the same the one with the limit is taken.
cdef double PRICE_SHARE = 0.9

cdef enum:
    COLD_PROBES = 2
    # Nobody is refused by what fewer answers say of the time.
    FEW_SAMPLES = 4


cdef int gather(Fleet self, const Asked *asked, const Candidate *candidates, int count, int64_t now_us, bint panic) noexcept:
    """Fill `prospects` with the candidates that may be asked, in *panic* with all that were not asked before; return their number."""
    cdef Prospect *p
    cdef const int64_t *known
    cdef int64_t packed, out_us
    cdef int wanted = count if count <= MAX_PROSPECTS else SAMPLED_PROSPECTS
    cdef int start = 0 if count <= MAX_PROSPECTS else <int>(fleet_random(self) * count)
    cdef int turn, at, found = 0
    for turn in range(count):
        at = start + turn
        if at >= count:
            at -= count
        if candidates[at].excluded:
            continue
        known = known_of(self, candidates[at].deployment)
        p = &self.prospects[found]
        p.probe = is_probed(known)
        out_us = fg_get(known + KNOWN_OUT_UNTIL_US) - now_us
        if not panic and p.probe and (out_us > 0 or fg_get(known + KNOWN_PROBE_UNTIL_US) > now_us):
            continue
        p.at = at
        p.deployment = candidates[at].deployment
        packed = lanes_sum(lane_of(self, p.deployment, LANE_OPEN), self.lanes)
        p.open = packed & OPEN_MASK
        p.silent = packed >> SILENT_SHIFT
        p.ahead = 0
        if self.members[p.deployment].slots and not asked.in_turn:
            p.ahead = lanes_sum(lane_of(self, p.deployment, LANE_HELD), self.lanes)
        p.wait_s = max(0.0, (candidates[at].not_before_us - now_us) * 1e-6)
        p.interval_s = candidates[at].interval_us * 1e-6
        if out_us > 0 and not panic:
            # After a 429 its provider has said when to come again: worth waiting for, or not.
            p.wait_s = max(p.wait_s, out_us * 1e-6)
            p.interval_s = max(p.interval_s, pace_of(known) * 1e-6)
        found += 1
        if found == wanted:
            break
    return found


cdef void foresee(Fleet self, const Asked *asked, const Candidate *candidates, int count, int64_t now_us) noexcept:
    """Estimate the request's solo seconds at each of *count* prospects."""
    cdef Prospect *p
    cdef const int64_t *known
    cdef double tokens = expected_left(self, asked.group, 0, asked.max_tokens)
    cdef double prompt
    cdef bint uneven = False
    cdef int at
    for at in range(count):
        p = &self.prospects[at]
        known = known_of(self, p.deployment)
        p.failing = failing_of(known, now_us)
        p.fail_s = fg_get_real(known + KNOWN_FAIL_S)
        p.known = self.members[p.deployment].slots > 0
        p.cap = slots_of(self, p.deployment)
        p.work_s = lanes_sum(lane_of(self, p.deployment, LANE_WORK), self.lanes) * 1e-6
        p.cold = fg_get(known + KNOWN_SAMPLES) == 0
        p.few = fg_get(known + KNOWN_SAMPLES) < FEW_SAMPLES
        p.held = <double>lanes_sum(lane_of(self, p.deployment, LANE_HELD), self.lanes)
        p.stale_s = 0
        p.load_s = load_of(known, p.open, now_us)
        if p.cold:
            uneven = True
            continue
        member_sync(self, p.deployment)
        prompt = max(0.0, asked.prompt_tokens - candidates[p.at].cached_tokens)
        p.prefill_s = fg_get_real(known + KNOWN_OVERHEAD_S) + fg_get_real(known + KNOWN_PROMPT_S) * prompt
        p.decode_s = fg_get_real(known + KNOWN_TOKEN_S) * tokens
        p.stale_s = (now_us - fg_get(known + KNOWN_SAMPLED_US)) * 1e-6 - STALE_S
        if p.stale_s > 0:
            uneven = True
    if uneven:
        level(self, asked, count, tokens)


cdef void level(Fleet self, const Asked *asked, int count, double tokens) noexcept:
    """Let what was never measured, and what was slow long ago, be estimated by the median of the others."""
    cdef const Prospect *order[MAX_PROSPECTS]
    cdef const Prospect *seen
    cdef Prospect *p
    cdef double prefill = DEFAULT_OVERHEAD_S + DEFAULT_PROMPT_S * asked.prompt_tokens
    cdef double decode = DEFAULT_TOKEN_S * tokens
    cdef double factor
    cdef int at, place, measured = 0
    for at in range(count):
        seen = &self.prospects[at]
        if seen.cold:
            continue
        place = measured
        while place > 0 and order[place - 1].prefill_s + order[place - 1].decode_s > seen.prefill_s + seen.decode_s:
            order[place] = order[place - 1]
            place -= 1
        order[place] = seen
        measured += 1
    if measured:
        prefill = order[(measured - 1) // 2].prefill_s
        decode = order[(measured - 1) // 2].decode_s
    for at in range(count):
        p = &self.prospects[at]
        if p.cold:
            p.prefill_s = prefill * COLD_FACTOR
            p.decode_s = decode * COLD_FACTOR
        elif p.stale_s > 0 and p.prefill_s + p.decode_s > prefill + decode:
            factor = pow((prefill + decode) / (p.prefill_s + p.decode_s), 1 - exp(-p.stale_s / STALE_DRIFT_S))
            p.prefill_s *= factor
            p.decode_s *= factor


cdef void weigh(Fleet self, Prospect *p, int64_t now_us) noexcept:
    """Say what the request costs at a prospect."""
    cdef const Member *m = &self.members[p.deployment]
    cdef double s = p.prefill_s + p.decode_s
    cdef double n = <double>p.open
    cdef double others, each, slow, behind
    if n < p.cap:
        # All run at once: each of the others costs it no more than it takes itself.
        others = min(p.work_s, n * s)
        slow = pow(1 + others / s, m.contention) if others > 0 else 1
        p.own_s = s * slow
        p.inflicted_s = others * (power_of(m, p.open + 1) - power_of(m, p.open))
        p.expected_s = p.prefill_s * power_of(m, p.open + 1)
    else:
        each = p.work_s / n
        behind = n - p.cap + p.held
        slow = power_of(m, p.cap)
        p.own_s = (behind + 1) * each * slow / p.cap
        p.expected_s = p.own_s + p.prefill_s * slow
        p.own_s += s * slow
        p.inflicted_s = p.held * s * slow / p.cap + max(0.0, n - behind - 1) * min(each, s) * (slow - power_of(m, p.cap - 1))
    p.own_s += p.load_s
    p.expected_s += p.load_s
    if p.wait_s > 0:
        # Those held before it are admitted before it.
        p.own_s += p.wait_s + p.held * p.interval_s
    p.price_s = fg_get_real(known_of(self, p.deployment) + KNOWN_PRICE_S)
    p.inflicted_s += p.price_s
    p.stall = stall_of(self, p.deployment, now_us)


cdef inline double load_of(const int64_t *known, int64_t open, int64_t now_us) noexcept:
    """Return the seconds until the deployment's model is loaded; 0: it is."""
    cdef int64_t unload = fg_get(known + KNOWN_UNLOAD_US)
    if unload == 0:
        return 0
    if open:
        return max(<int64_t>0, fg_get(known + KNOWN_LOADED_US) - now_us) * 1e-6
    return fg_get_real(known + KNOWN_LOAD_S) if now_us - fg_get(known + KNOWN_IDLE_US) >= unload else 0


cdef double stall_of(Fleet self, int deployment, int64_t now_us) noexcept:
    """Return how much worse a deployment is than it seems, as first bytes do not come that should long have; 1: no worse."""
    cdef const int64_t *lanes = lane_of(self, deployment, LANE_SILENT)
    cdef int64_t packed
    cdef double expected, waited, worst = 1
    cdef int lane
    for lane in range(self.lanes):
        packed = fg_get(lanes + lane)
        if packed:
            expected = (packed & ((1 << EXPECTED_BITS) - 1)) * 1e-3
            waited = now_us * 1e-6 - (packed >> EXPECTED_BITS) * 1e-3
            if waited > 3 * expected + 1:
                worst = max(worst, (waited - 1) / (3 * (expected + 0.2)))
    return worst


cdef inline double cost_of(const Prospect *p) noexcept:
    return (p.own_s + p.inflicted_s) * p.stall


cdef void score(Fleet self, int count, int64_t now_us) noexcept:
    """Give each of *count* prospects its score: the seconds that the request is expected to cost all who are there."""
    cdef Prospect *p
    cdef double best = -1, cost
    cdef int at
    for at in range(count):
        p = &self.prospects[at]
        weigh(self, p, now_us)
        p.score = cost_of(p)
        if best < 0 or p.score < best:
            best = p.score
    for at in range(count):
        p = &self.prospects[at]
        if p.failing > 0:
            # What fails costs its failure and then the best of the others.
            cost = p.failing / max(0.05, 1 - p.failing) * (best + p.fail_s)
            p.score += cost


cdef void learn_price(Fleet self, const Prospect *p, int count, int64_t now_us) noexcept:
    """Learn what one more request takes from those behind it: a limit in use up sends one of them to the best of the others."""
    cdef int64_t *known = known_of(self, p.deployment)
    cdef const Prospect *other
    cdef double price = p.price_s
    cdef double span = (now_us - fg_get(known + KNOWN_PRICED_US)) * 1e-6
    cdef double lost = 0, best = -1
    cdef int at
    if span <= 0:
        return
    span = min(span, PRICE_STEP_S)
    if p.wait_s > 0:
        for at in range(count):
            other = &self.prospects[at]
            if other.wait_s <= 0 and (best < 0 or cost_of(other) < best):
                best = cost_of(other)
        lost = max(0.0, best - cost_of(p) + (p.wait_s + p.held * p.interval_s + price) * p.stall)
    price += (1 - exp(-span / PRICE_SPAN_S)) * (lost * PRICE_SHARE - price)
    fg_put_real(known + KNOWN_PRICE_S, price if price > 1e-3 else 0)
    fg_put(known + KNOWN_PRICED_US, now_us)
