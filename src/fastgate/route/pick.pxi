# Which of a group's deployments a request goes to: those that can answer it, as the fleet knows them.

cdef tuple DIALECTS = ("openai_chat", "openai_responses", "anthropic_messages", "gemini", "ollama", "bedrock", "cohere")
# What an operation is in any dialect.
cdef tuple KINDS = ("chat", "embeddings", "count_tokens")

cdef enum:
    KIND_CHAT = 1

# Bytes of a request's body for each token of its prompt. - English text: 4 to 5  - JSON around it: more
cdef double PROMPT_TOKEN_BYTES = 4.5


cdef class Deployment:
    """One entry of model_list, bound to its provider and its connections.

    *build_target(operation, query, path_id)* returns the upstream request's head up to the client's fields.
    """

    def __init__(self, bytes deployment_id, *, bytes answer_fields, bytes model, Pool pool, native, str dialect, build_target,
                 bytes version_field, bytes secret, double timeout_s, double stream_timeout_s, double gap_timeout_s, bint stream_usage,
                 int account, int number=0, int quota=0, kinds=(), speech=None, changed_for=(), credentials=None, retries=(0,) * 9,
                 int order=ORDER_LAST, double first_token_timeout_s=0):
        cdef int i
        self.deployment_id = deployment_id
        self.answer_fields = answer_fields
        self.model = model
        self.pool = pool
        self.native = frozenset(native)
        self.native_bits = 0
        for spoken in self.native:
            self.native_bits |= dialect_bit(spoken)
        self.dialect = dialect
        self.build_target = build_target
        self.targets = []
        self.other_targets = {}
        self.version_field = version_field
        self.secret = secret
        self.timeout_us = <int64_t>(timeout_s * 1000000)
        self.stream_timeout_us = <int64_t>(stream_timeout_s * 1000000)
        self.gap_timeout_us = <int64_t>(gap_timeout_s * 1000000)
        self.first_token_us = <int64_t>(first_token_timeout_s * 1000000)
        self.stream_usage = stream_usage
        self.account = account
        self.number = number
        self.quota = quota
        self.order = order
        for kind in kinds:
            self.kind_bits |= kind_bit(kind)
        self.speech = speech
        self.changed_for = tuple(changed_for)
        self.credentials = credentials
        for i in range(9):
            self.retries[i] = retries[i]


cdef uint32_t kind_bit(str kind) except? 0xffffffff:
    """Return the bit that stands for a kind of operation; 0 for the empty word."""
    return 1 << KINDS.index(kind) if kind else 0


cdef inline bint serves(Deployment deployment, Operation operation) noexcept:
    """Whether a deployment can answer an operation, in the caller's words or in others."""
    return deployment.native_bits & operation.dialect_bit or deployment.kind_bits & operation.kind_bit


cdef uint32_t dialect_bit(str dialect) except 0:
    """Return the bit that stands for a dialect; dialects are few."""
    return 1 << DIALECTS.index(dialect)


cdef class Group:
    """The deployments that serve one model name; *literal* is the name as the inside of a JSON string.

    *number*: of what all workers know of its requests. *strategy*: one of STRATEGIES. *hedged*: what takes too long is asked for twice.
    """

    def __init__(self, bytes name, bytes literal, deployments, int number=0, str strategy="expected-latency", bint hedged=False):
        self.name = name
        self.literal = literal
        self.deployments = tuple(deployments)
        self.number = number
        self.strategy = STRATEGIES[strategy]
        self.ordered = len({deployment.order for deployment in self.deployments}) > 1
        self.hedged = hedged

    def of(self, deployments):
        """Return the group with these of its deployments alone."""
        cdef Group group = Group(self.name, self.literal, deployments, self.number)
        group.strategy = self.strategy
        group.canary_of = self.canary_of
        group.hedged = self.hedged
        return group

    def named(self, bytes name, bytes literal, Group canary_of=None):
        """Return the group under another name; *canary_of*: whose requests it answers under that."""
        cdef Group group = Group(name, literal, self.deployments, self.number)
        group.strategy = self.strategy
        group.canary_of = canary_of
        group.hedged = self.hedged
        return group


cdef bint holds_deployment(list found, Deployment wanted) noexcept:
    cdef Py_ssize_t i
    for i in range(len(found)):
        if found[i] is wanted:
            return True
    return False


cdef inline void describe_request(Exchange x, Group group) noexcept:
    """Say what the router has to know of a request."""
    x.asked.group = group.number
    x.asked.whole = not x.stream
    x.asked.prompt_tokens = buffer_len(&x.body) / PROMPT_TOKEN_BYTES
    x.asked.max_tokens = x.scan.max_tokens
    x.asked.in_turn = x.queued_us != 0


cdef int pick(GatewayService self, Exchange x, Group group, list tried) except -9:
    """Choose the exchange's deployment among those of *group* that can answer it. Return 0, PICK_HOLD or PICK_NONE.

    *tried* were asked already and are left out. With None, nobody having been asked, all are asked if all are out of service. The choice
    is the exchange's; of PICK_HOLD it names the deployment that is worth waiting for.
    """
    cdef Py_ssize_t count = len(group.deployments)
    cdef int64_t units[COUNTED_KINDS]
    cdef int64_t wait_us
    cdef Deployment deployment
    cdef int at, turn
    mirror_cancel(self.mirror, &x.mirrored)
    describe_request(x, group)
    units_of(self, x, units)
    if has_no_choice(self, group):
        return PICK_NONE if compare(self, x, group, tried, NULL) == 0 else pick_only(self, x, group, units)
    if compare(self, x, group, tried, units) == 0:
        return PICK_NONE
    if group.ordered:
        leave_later(self, group, self.poller.now_us)
    at = fleet_pick(self.fleet, group.strategy, &x.asked, self.candidates, <int>count, self.poller.now_us, &x.choice)
    if x.choice.panic and tried is not None:
        return PICK_NONE
    for turn in range(8):
        if at < 0:
            return at
        deployment = <Deployment>group.deployments[at]
        wait_us = mirror_charge(self.mirror, &x.mirrored, deployment.quota, deployment.number, units, self.poller.now_us, False)
        if wait_us == 0:
            x.deployment = deployment
            return 0
        # Another worker was faster: what it left is looked at anew.
        note_limits(self, x, deployment, units, &self.candidates[at])
        at = fleet_pick(self.fleet, group.strategy, &x.asked, self.candidates, <int>count, self.poller.now_us, &x.choice)
    return PICK_NONE if tried is not None else PICK_HOLD


cdef inline bint has_no_choice(GatewayService self, Group group) noexcept:
    """Whether a group's only deployment is asked whatever it did: its provider's word is worth more to the caller than a wait."""
    return len(group.deployments) == 1 and not self.fleet.members[(<Deployment>group.deployments[0]).number].slots


cdef int compare(GatewayService self, Exchange x, Group group, list tried, const int64_t *units) except -1:
    """Make the group's deployments the candidates; return how many of them can answer the exchange and were not tried.

    *units*: what it counts for at limits; NULL: those are not looked at.
    """
    cdef Deployment deployment
    cdef Py_ssize_t count = len(group.deployments), i
    cdef int able = 0
    if count > self.candidates_limit:
        candidates_grow(self, count)
    memset(self.candidates, 0, count * sizeof(Candidate))
    for i in range(count):
        deployment = <Deployment>group.deployments[i]
        self.candidates[i].deployment = deployment.number
        self.candidates[i].excluded = not serves(deployment, x.operation) or (
            tried is not None and holds_deployment(tried, deployment)) or (
            x.unable is not None and holds_deployment(x.unable, deployment))
        if not self.candidates[i].excluded:
            able += 1
            if units != NULL:
                note_limits(self, x, deployment, units, &self.candidates[i])
    return able


cdef int pick_only(GatewayService self, Exchange x, Group group, const int64_t *units) except -9:
    """Choose a group's only deployment, whatever it did and said: nobody else could do better. Configured limits hold all the same."""
    cdef Deployment deployment = <Deployment>group.deployments[0]
    cdef Candidate *candidate = &self.candidates[0]
    cdef int64_t now = self.poller.now_us, wait_us
    fleet_take(self.fleet, &x.asked, candidate, now, &x.choice)
    wait_us = mirror_charge(self.mirror, &x.mirrored, deployment.quota, deployment.number, units, now, True)
    if wait_us < 0:
        return PICK_NONE
    if wait_us:
        x.choice.at = PICK_HOLD
        x.choice.until_us = now + wait_us
        return PICK_HOLD
    x.deployment = deployment
    return 0


cdef inline int units_of(GatewayService self, Exchange x, int64_t *units) noexcept:
    """Say what a request is expected to count for at its provider's limits."""
    units_fill(units, <int64_t>x.asked.prompt_tokens,
               <int64_t>expected_left(self.fleet, x.asked.group, 0, x.asked.max_tokens) if x.operation.kind_bit & KIND_CHAT else 0)
    return 0


cdef inline int note_limits(GatewayService self, Exchange x, Deployment deployment, const int64_t *units, Candidate *candidate) noexcept:
    """Say when a candidate's limits, configured or told by its provider, admit the request."""
    cdef int64_t interval_us = 0
    cdef int64_t wait_us = mirror_wait_us(self.mirror, deployment.quota, deployment.number, units, self.poller.now_us, &interval_us)
    if wait_us < 0:
        # More than it may ever have in a minute.
        candidate.excluded = True
        return 0
    if wait_us == 0 and interval_us and not x.asked.in_turn and fleet_held(self.fleet, deployment.number):
        # What there is room for is theirs who wait already.
        wait_us = interval_us
    if wait_us:
        candidate.not_before_us = self.poller.now_us + wait_us
        candidate.interval_us = interval_us
    return 0


cdef tuple why_nobody(GatewayService self, Exchange x):
    """Return why none of the group's deployments can be asked: an error's code, message and parameter."""
    cdef Deployment deployment
    cdef int64_t units[COUNTED_KINDS]
    for deployment in x.group.deployments:
        if serves(deployment, x.operation):
            units_of(self, x, units)
            return "no_deployment_fits", (
                f"the request counts for some {units[COUNTED_TOKENS]} tokens, and no deployment of the model may be sent as many in a "
                "minute: ask for less, or raise its tpm"), None
    return "dialect_not_supported", self.control.explain_mismatch(x.group, x.operation), None


cdef int candidates_grow(GatewayService self, Py_ssize_t count) except -1:
    free(self.candidates)
    self.candidates_limit = 0
    self.candidates = <Candidate *>malloc(2 * count * sizeof(Candidate))
    if self.candidates == NULL:
        raise MemoryError
    self.candidates_limit = <int>(2 * count)
    return 0


cdef Deployment pinned_to(GatewayService self, Exchange x, Group group):
    """Return the one deployment that knows the stored response that the request refers to; None: it refers to none, or none knows it."""
    cdef Deployment deployment
    cdef int account
    if not x.scan.previous_end or self.owners is None:
        return None
    account = owners_find(self.owners, x.body.data + x.body.start + x.scan.previous_at, x.scan.previous_end - x.scan.previous_at)
    for deployment in group.deployments:
        if deployment.account == account and deployment.native_bits & x.operation.dialect_bit:
            return deployment
    return None


cdef int take_deployment(GatewayService self, Exchange x, Group group, Deployment deployment) except -1:
    """Choose this deployment, whatever is known of it."""
    cdef Candidate candidate
    cdef int64_t units[COUNTED_KINDS]
    memset(&candidate, 0, sizeof(Candidate))
    candidate.deployment = deployment.number
    mirror_cancel(self.mirror, &x.mirrored)
    describe_request(x, group)
    units_of(self, x, units)
    mirror_charge(self.mirror, &x.mirrored, deployment.quota, deployment.number, units, self.poller.now_us, True)
    fleet_take(self.fleet, &x.asked, &candidate, self.poller.now_us, &x.choice)
    x.deployment = deployment
    return 0


# --- what becomes of the attempt, told to the fleet

cdef inline bint open_ticket(GatewayService self, Exchange x) noexcept:
    """The chosen deployment is about to be asked. Return False if others have taken its last slot since it was chosen."""
    if x.ticket.open:
        return True
    fleet_dispatched(self.fleet, &x.ticket, &x.asked, &x.choice, 0, self.poller.now_us)
    if x.pinned or not fleet_overfull(self.fleet, x.ticket.deployment):
        return True
    fleet_withdrawn(self.fleet, &x.ticket, self.poller.now_us)
    mirror_cancel(self.mirror, &x.mirrored)
    return False


cdef inline int tell_progress(Exchange x) noexcept:
    """More of the answer has come."""
    if x.ticket.open and x.head_sent:
        fleet_progress(x.service.fleet, &x.ticket, <int64_t>(x.events * chunk_tokens(x.service.fleet, x.ticket.deployment)),
                       x.service.poller.now_us)
    return 0


cdef inline int slot_given_back(GatewayService self, const Ticket *t) except -1:
    """Let whoever has waited longest have its turn."""
    if self.fleet.members[t.deployment].slots:
        # Whoever is about to wait has seen this, or is seen here.
        fg_fence()
    return released(self, t.group)


cdef int ticket_ended(GatewayService self, Exchange x) except -1:
    """The answer is complete and good."""
    cdef int64_t tokens = x.answer.usage[1]
    if not x.ticket.open:
        return 0
    if tokens > 0 and x.events > 1:
        learn_chunk(self.fleet, x.ticket.deployment, tokens / <double>x.events)
    elif tokens <= 0 and x.events:
        tokens = <int64_t>(x.events * chunk_tokens(self.fleet, x.ticket.deployment))
    elif tokens <= 0 and not x.operation.kind_bit & KIND_CHAT:
        # Embeddings and the like: all of the answer is one piece.
        tokens = 1
    fleet_ended(self.fleet, &x.ticket, tokens, NULL, self.poller.now_us)
    settle_limits(self, x, tokens)
    return slot_given_back(self, &x.ticket)


cdef int ticket_failed(GatewayService self, Exchange x, int failure, int64_t retry_after_us) except -1:
    """The attempt is over without a good answer: FAILURE_*."""
    if not x.dispatched:
        mirror_cancel(self.mirror, &x.mirrored)
    settle_limits(self, x, <int64_t>(x.events * chunk_tokens(self.fleet, x.ticket.deployment)))
    if not x.ticket.open:
        return 0
    fleet_failed(self.fleet, &x.ticket, failure, retry_after_us, self.poller.now_us)
    return slot_given_back(self, &x.ticket)


cdef int settle_limits(GatewayService self, Exchange x, int64_t output_tokens) noexcept:
    """Correct what was charged to the provider's limits by what was used, as far as that is known."""
    cdef int64_t units[COUNTED_KINDS]
    if x.mirrored.open:
        units_fill(units, x.answer.usage[0] if x.answer.usage[0] > 0 else <int64_t>x.asked.prompt_tokens, output_tokens)
        mirror_settle(self.mirror, &x.mirrored, units)
    x.dispatched = False
    return 0


cdef int read_limits(Exchange x, const Head *head) noexcept:
    """Note what the head of an answer says of its provider's limits."""
    cdef GatewayService self = x.service
    mirror_read(self.mirror, &x.mirrored, head, not self.fleet.members[x.deployment.number].never_out, self.poller.now_us, wall_clock_us())
    return 0
