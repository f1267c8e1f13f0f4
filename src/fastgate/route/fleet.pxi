# The deployments of all groups, and what all workers together have in flight at them.

cdef enum:
    MAX_LANES = 64
    # Deployments of a group, for callers in Python.
    MAX_FORMED = 256
    MICROSECONDS = 1000000

STRATEGIES = {
    "expected-latency": STRATEGY_EXPECTED_LATENCY,
    "simple-shuffle": STRATEGY_SIMPLE_SHUFFLE,
    "round-robin": STRATEGY_ROUND_ROBIN,
    "least-busy": STRATEGY_LEAST_BUSY,
    "latency-based-routing": STRATEGY_LATENCY_BASED,
    "usage-based-routing": STRATEGY_USAGE_BASED,
    "usage-based-routing-v2": STRATEGY_USAGE_BASED,
    "cost-based-routing": STRATEGY_COST_BASED,
}


cdef class Fleet:
    """*deployments* in *groups*, in *memory* that all workers share; this one writes *lane* of *lanes*.

    *memory*: a writable buffer of `Fleet.size(...)` bytes, zeroed and at a multiple of 64. *buffer*: `lowest_latency_buffer`.
    """

    def __cinit__(self, memory, int deployments, int groups, int lanes, int lane, uint64_t seed, double buffer=0):
        cdef int at
        if not 0 < lanes <= MAX_LANES or not 0 <= lane < lanes:
            raise ValueError(f"lane {lane} of {lanes}; there can be {MAX_LANES}")
        if deployments < 1 or groups < 1:
            raise ValueError("no deployment or no group")
        self.memory = memory
        self.words = <int64_t *><void *>&self.memory[0]
        if <uint64_t>self.words & 63 or len(self.memory) < Fleet.size(deployments, groups, lanes):
            raise ValueError(f"{len(self.memory)} bytes are too few, or not at a multiple of 64")
        self.deployments = deployments
        self.groups = groups
        self.lanes = lanes
        self.lane = lane
        self.lane_words = lane_words(lanes)
        self.member_words = member_words(self.lane_words)
        self.random = seed * 2 + 1
        self.buffer = buffer
        self.candidates = [list(range(min(deployments, MAX_FORMED))) for _ in range(groups)]
        self.turns = <int *>malloc(groups * sizeof(int))
        self.members = <Member *>malloc(deployments * sizeof(Member))
        if self.turns == NULL or self.members == NULL:
            raise MemoryError
        memset(self.turns, 0, groups * sizeof(int))
        memset(self.members, 0, deployments * sizeof(Member))
        for at in range(deployments):
            self.members[at].words = self.words + at * self.member_words
            self.members[at].input_cost = self.members[at].output_cost = -1
            self.members[at].prior_contention = DEFAULT_CONTENTION
            self.members[at].allowed_fails = -1
            self.members[at].cooldown_us = -1
            powers_fill(&self.members[at], DEFAULT_CONTENTION)

    def __dealloc__(self):
        free(self.turns)
        free(self.members)

    @staticmethod
    def size(int deployments, int groups, int lanes):
        """Return the bytes of memory that these need."""
        return 8 * (deployments * member_words(lane_words(lanes)) + groups * group_words(lane_words(lanes)))

    def describe(self, int deployment, *, int slots=0, int64_t weight=0, int64_t rpm=0, int64_t tpm=0, double input_cost=-1,
                 double output_cost=-1, double contention=-1, int allowed_fails=-1, double cooldown_s=-1, bint never_out=False):
        """Say what is configured of a *deployment*: 0 or a negative cost is unknown.

        *contention*: what to start from, 0 (requests do not slow each other down) to 1 (they share it out). *allowed_fails*: failures in
        a minute that do not eject it, -1: two in a row do. *cooldown_s*: how long it is ejected, -1: by how long its failures take.
        """
        cdef Member *m = &self.members[fleet_check(self, deployment)]
        m.slots = slots
        m.weight = weight
        m.rpm = rpm
        m.tpm = tpm
        m.input_cost = input_cost
        m.output_cost = output_cost
        if contention >= 0:
            m.prior_contention = min(contention, 1.0)
        m.allowed_fails = allowed_fails
        m.cooldown_us = <int64_t>(cooldown_s * MICROSECONDS) if cooldown_s >= 0 else -1
        m.never_out = never_out
        member_sync(self, deployment)

    def form(self, int group, deployments):
        """Say which *deployments* the *group* has."""
        cdef list formed = [fleet_check(self, deployment) for deployment in deployments]
        if len(formed) > MAX_FORMED:
            raise ValueError(f"{len(formed)} deployments in a group; there can be {MAX_FORMED}")
        self.candidates[group_check(self, group)] = formed

    def clear_lane(self, int lane):
        """Forget what a worker that is dead had in flight."""
        cdef int at, kind
        if not 0 <= lane < self.lanes:
            raise ValueError(f"lane {lane} of {self.lanes}")
        for at in range(self.deployments):
            for kind in range(LANE_KINDS):
                fg_put(lane_of(self, at, kind) + lane, 0)
        for at in range(self.groups):
            for kind in range(GROUP_LANE_KINDS):
                fg_put(group_lane_of(self, at, kind) + lane, 0)

    def hold(self, int deployment, int count):
        """Say that this worker holds *count* more requests back for *deployment*, as `held_for` said; negative: fewer."""
        fleet_hold(self, fleet_check(self, deployment), count)

    def hold_since(self, int group, int64_t oldest_us):
        """Say since when this worker holds a request of *group* back; 0: it holds none."""
        fg_put(group_lane_of(self, group_check(self, group), GROUP_LANE_OLDEST) + self.lane, oldest_us)

    def oldest_lane(self, int group):
        """Return the lane whose worker holds the oldest request of *group* back; -1: none does."""
        return fleet_oldest_lane(self, group_check(self, group))

    def earn_hedge(self, int group, double share):
        """Let one more request of *group* pay for this *share* of a hedge."""
        hedge_earn(self, group_check(self, group), <int64_t>(share * HEDGE_WHOLE + 0.5))

    def spend_hedge(self, int group):
        """Return whether a hedge of *group* may be asked for: it is paid for then."""
        return hedge_spend(self, group_check(self, group))

    def learn_first_content(self, int deployment, double took_s, *, double prompt_tokens=0, double max_tokens=0, bint whole=False):
        """Learn from an answer of *deployment* whose first content took so long."""
        cdef Ticket like = first_ticket(self, deployment, prompt_tokens, max_tokens, whole)
        first_learn(firsts_of(self, &like), <int64_t>(took_s * MICROSECONDS))

    def first_content_s(self, int deployment, double quantile, *, double prompt_tokens=0, double max_tokens=0, bint whole=False):
        """Return the seconds within which *quantile* of such answers had their first content; 0: too few were seen."""
        cdef Ticket like = first_ticket(self, deployment, prompt_tokens, max_tokens, whole)
        return first_within(firsts_of(self, &like), quantile) * 1e-6

    def pick(self, str strategy, int group, int64_t now_us, double prompt_tokens, *, double max_tokens=0, bint whole=False, excluded=None,
             cached=None, not_before=None):
        """Return the deployment of *group* to ask; -1: none is left; -2: the best of them is worth waiting for.

        *cached*: prompt tokens kept, *not_before*: when a rate limit admits the request, and how long after one the next, in us; both by
        deployment.
        """
        cdef Candidate candidates[MAX_FORMED]
        cdef Choice choice
        cdef Asked asked
        cdef int count = candidates_fill(self, candidates, self.candidates[group_check(self, group)], excluded, cached, not_before)
        asked_fill(&asked, group, whole, prompt_tokens, max_tokens)
        if fleet_pick(self, STRATEGIES[strategy], &asked, candidates, count, now_us, &choice) < 0:
            self.held_for = choice.deployment
            return choice.at
        return choice.deployment

    def dispatch(self, int group, int deployment, int64_t now_us, double prompt_tokens, *, double max_tokens=0, bint whole=False,
                 double cached_tokens=0):
        """Return the attempt that begins with sending the request to *deployment*."""
        cdef Attempt attempt = Attempt.__new__(Attempt)
        cdef Candidate candidate
        cdef Choice choice
        cdef Asked asked
        asked_fill(&asked, group_check(self, group), whole, prompt_tokens, max_tokens)
        memset(&candidate, 0, sizeof(Candidate))
        candidate.deployment = fleet_check(self, deployment)
        candidate.cached_tokens = cached_tokens
        attempt.fleet = self
        fleet_take(self, &asked, &candidate, now_us, &choice)
        fleet_dispatched(self, &attempt.ticket, &asked, &choice, cached_tokens, now_us)
        return attempt

    def snapshot(self, int64_t now_us):
        """Return what is known of each deployment, in the order of their numbers."""
        return [member_view(self, at, now_us) for at in range(self.deployments)]

    def explain(self, int group, int64_t now_us, double prompt_tokens, *, double max_tokens=0, excluded=None, cached=None, not_before=None,
                among=None):
        """Return the parts of `expected-latency`'s score of each candidate, and for the others why they would not be asked.

        *among*: the candidates, if not all of the group's.
        """
        cdef Candidate candidates[MAX_FORMED]
        cdef Asked asked
        cdef list members = self.candidates[group_check(self, group)] if among is None else [fleet_check(self, one) for one in among]
        cdef int count = candidates_fill(self, candidates, members[:MAX_FORMED], excluded, cached, not_before)
        cdef int found, at
        cdef list rows
        asked_fill(&asked, group, False, prompt_tokens, max_tokens)
        found = gather(self, &asked, candidates, count, now_us, False)
        foresee(self, &asked, candidates, found, now_us)
        score(self, found, now_us)
        rows = prospects_view(self, found)
        seen = {row["deployment"] for row in rows}
        for at in range(count):
            if candidates[at].deployment not in seen:
                rows.append({"deployment": candidates[at].deployment, "not_asked": why_not(self, &candidates[at], now_us)})
        return rows

    def time_picks(self, str strategy, int group, int64_t now_us, double prompt_tokens, int times):
        """Return the nanoseconds that a choice takes, of *times* in a row."""
        cdef Candidate candidates[MAX_FORMED]
        cdef Choice choice
        cdef Asked asked
        cdef int count = candidates_fill(self, candidates, self.candidates[group_check(self, group)], None, None, None)
        cdef int chosen = STRATEGIES[strategy]
        cdef int64_t began
        asked_fill(&asked, group, False, prompt_tokens, 0)
        began = monotonic_us()
        for _ in range(times):
            fleet_pick(self, chosen, &asked, candidates, count, now_us, &choice)
        return (monotonic_us() - began) * 1000.0 / times

    def time_events(self, int group, int64_t now_us, int times):
        """Return the nanoseconds of a dispatch, a first byte, a chunk and an end, of *times* in a row of 16 requests."""
        cdef Ticket tickets[16]
        cdef Candidate candidate
        cdef Choice choice
        cdef Asked asked
        cdef int64_t began
        cdef int64_t spent[4]
        cdef int turn, at, chunk
        memset(spent, 0, sizeof(spent))
        memset(&candidate, 0, sizeof(Candidate))
        asked_fill(&asked, group_check(self, group), False, 300, 0)
        fleet_take(self, &asked, &candidate, now_us, &choice)
        for turn in range(times // 16):
            now_us += 1000000
            began = monotonic_us()
            for at in range(16):
                fleet_dispatched(self, &tickets[at], &asked, &choice, 0, now_us + at)
            spent[0] += monotonic_us() - began
            began = monotonic_us()
            for at in range(16):
                fleet_first_byte(self, &tickets[at], now_us + 200000 + at)
            spent[1] += monotonic_us() - began
            began = monotonic_us()
            for chunk in range(64):
                for at in range(16):
                    fleet_progress(self, &tickets[at], chunk + 1, now_us + 201000 + chunk * 10000 + at)
            spent[2] += monotonic_us() - began
            began = monotonic_us()
            for at in range(16):
                fleet_ended(self, &tickets[at], 64, NULL, now_us + 900000 + at)
            spent[3] += monotonic_us() - began
        turn = times // 16 * 16
        return (spent[0] * 1000.0 / turn, spent[1] * 1000.0 / turn, spent[2] * 1000.0 / turn / 64, spent[3] * 1000.0 / turn)


cdef inline int lane_words(int lanes) noexcept:
    """Return the words of a line for each eight lanes: two workers share a line, never a word."""
    return (lanes + LINE_WORDS - 1) // LINE_WORDS * LINE_WORDS


cdef inline int member_words(int lane_words) noexcept:
    return LANE_KINDS * lane_words + KNOWN_WORDS + SUMS_WORDS + USE_WORDS + FIRST_KINDS * FIRST_BUCKETS


cdef inline int group_words(int lane_words) noexcept:
    return LENGTH_BUCKETS + GROUP_LANE_KINDS * lane_words + BUDGET_WORDS


cdef int fleet_check(Fleet self, int deployment) except -1:
    if not 0 <= deployment < self.deployments:
        raise IndexError(f"deployment {deployment} of {self.deployments}")
    return deployment


cdef int group_check(Fleet self, int group) except -1:
    if not 0 <= group < self.groups:
        raise IndexError(f"group {group} of {self.groups}")
    return group


cdef inline int64_t *lane_of(Fleet self, int deployment, int kind) noexcept:
    return self.members[deployment].words + kind * self.lane_words


cdef inline int64_t *known_of(Fleet self, int deployment) noexcept:
    return self.members[deployment].words + LANE_KINDS * self.lane_words


cdef inline int64_t *sums_of(Fleet self, int deployment) noexcept:
    return known_of(self, deployment) + KNOWN_WORDS


cdef inline int64_t *use_of(Fleet self, int deployment) noexcept:
    return known_of(self, deployment) + KNOWN_WORDS + SUMS_WORDS


cdef inline int64_t *lengths_of(Fleet self, int group) noexcept:
    return self.words + self.deployments * self.member_words + group * group_words(self.lane_words)


cdef inline int64_t *group_lane_of(Fleet self, int group, int kind) noexcept:
    return lengths_of(self, group) + LENGTH_BUCKETS + kind * self.lane_words


cdef inline void fleet_hold(Fleet self, int deployment, int count) noexcept:
    lane_add(lane_of(self, deployment, LANE_HELD) + self.lane, count)


cdef inline int64_t fleet_held(Fleet self, int deployment) noexcept:
    """Return how many requests are held back for a deployment."""
    return lanes_sum(lane_of(self, deployment, LANE_HELD), self.lanes)


cdef int fleet_oldest_lane(Fleet self, int group) noexcept:
    cdef int64_t *lanes = group_lane_of(self, group, GROUP_LANE_OLDEST)
    cdef int64_t since, oldest = 0
    cdef int lane, found = -1
    for lane in range(self.lanes):
        since = fg_get(lanes + lane)
        if since and (oldest == 0 or since < oldest):
            oldest = since
            found = lane
    return found


cdef inline double fleet_random(Fleet self) noexcept:
    """Return a number in [0, 1): xorshift64*, for choices, not secrets."""
    self.random ^= self.random >> 12
    self.random ^= self.random << 25
    self.random ^= self.random >> 27
    return <double>((self.random * <uint64_t>2685821657736338717) >> 11) / 9007199254740992.0


cdef void powers_fill(Member *m, double contention) noexcept:
    cdef int n
    m.contention = contention
    m.power[0] = 0
    for n in range(1, POWERS):
        m.power[n] = pow(n, contention)


cdef inline double power_of(const Member *m, int64_t n) noexcept:
    return m.power[n] if n < POWERS else pow(<double>n, m.contention)


cdef void member_sync(Fleet self, int deployment) noexcept:
    """Take over the contention that all workers have learned."""
    cdef Member *m = &self.members[deployment]
    cdef double learned = fg_get_real(known_of(self, deployment) + KNOWN_CONTENTION)
    cdef double wanted = learned - 1 if learned > 0 else m.prior_contention
    if fabs(wanted - m.contention) > 0.01:
        powers_fill(m, wanted)
