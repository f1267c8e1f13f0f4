# Which deployment answers: simple-shuffle, by weight where any is given, in turn otherwise.

cdef tuple DIALECTS = ("openai_chat", "openai_responses", "anthropic_messages", "gemini", "ollama", "bedrock", "cohere")
# What an operation is in any dialect.
cdef tuple KINDS = ("chat", "embeddings", "count_tokens")

cdef enum:
    KIND_CHAT = 1

# A moment in which nobody is out of service.
cdef int64_t FOREVER_US = 0x7fffffffffffffff


cdef class Deployment:
    """One entry of model_list, bound to its provider and its connections.

    *build_target(operation, query, path_id)* returns the upstream request's head up to the client's fields.
    """

    def __init__(self, bytes deployment_id, *, bytes answer_fields, bytes model, Pool pool, native, str dialect, build_target,
                 bytes version_field, bytes secret, double timeout_s, double stream_timeout_s, double gap_timeout_s, bint stream_usage,
                 int64_t weight, int account, kinds=(), speech=None, changed_for=(), credentials=None, retries=(0,) * 9,
                 int allowed_fails=-1, double cooldown_s=-1, bint never_out=False):
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
        self.stream_usage = stream_usage
        self.weight = weight
        self.account = account
        for kind in kinds:
            self.kind_bits |= kind_bit(kind)
        self.speech = speech
        self.changed_for = tuple(changed_for)
        self.credentials = credentials
        for i in range(9):
            self.retries[i] = retries[i]
        self.allowed_fails = allowed_fails
        self.cooldown_us = <int64_t>(cooldown_s * 1000000) if cooldown_s >= 0 else -1
        self.never_out = never_out


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
    """The deployments that serve one model name; *literal* is the name as the inside of a JSON string."""

    def __init__(self, bytes name, bytes literal, deployments):
        cdef Deployment deployment
        self.name = name
        self.literal = literal
        self.deployments = tuple(deployments)
        for deployment in self.deployments:
            self.weight_sum += deployment.weight


cdef uint64_t next_random(GatewayService self) noexcept:
    """xorshift64*: choices, not secrets."""
    self.random ^= self.random >> 12
    self.random ^= self.random << 25
    self.random ^= self.random >> 27
    return self.random * <uint64_t>2685821657736338717


cdef inline bint is_eligible(Deployment self, Operation operation, list tried, int64_t now) noexcept:
    """Whether a deployment can be asked: it can answer, is in service and was not tried for this request."""
    if not serves(self, operation) or self.out_until_us and now != FOREVER_US and is_out(self, now):
        return False
    return tried is None or not holds_deployment(tried, self)


cdef bint holds_deployment(list found, Deployment wanted) noexcept:
    cdef Py_ssize_t i
    for i in range(len(found)):
        if found[i] is wanted:
            return True
    return False


cdef Deployment pick(GatewayService self, Group group, Operation operation, list tried):
    """Return a deployment that can answer the operation, or None.

    *tried* were asked already and are left out, as are those out of service. With None, nobody having been asked, all are asked if all
    are out of service.
    """
    cdef Deployment deployment
    cdef Py_ssize_t count = len(group.deployments)
    if count == 1:
        deployment = <Deployment>group.deployments[0]
        return deployment if serves(deployment, operation) and tried is None else None
    deployment = pick_among(self, group, operation, tried, self.poller.now_us)
    if deployment is None and tried is None:
        deployment = pick_among(self, group, operation, None, FOREVER_US)
    return deployment


cdef Deployment pick_among(GatewayService self, Group group, Operation operation, list tried, int64_t now):
    """Return a deployment that is eligible at *now*, or None."""
    cdef Deployment deployment
    cdef Py_ssize_t count = len(group.deployments), i, turn
    cdef int64_t total = 0, at
    if group.weight_sum:
        for deployment in group.deployments:
            if is_eligible(deployment, operation, tried, now):
                total += deployment.weight
        if total:
            at = <int64_t>(next_random(self) % <uint64_t>total)
            for deployment in group.deployments:
                if is_eligible(deployment, operation, tried, now):
                    at -= deployment.weight
                    if at < 0:
                        return deployment
    turn = group.turn
    for i in range(count):
        deployment = <Deployment>group.deployments[(turn + i) % count]
        if is_eligible(deployment, operation, tried, now):
            group.turn = (turn + i + 1) % count
            return deployment
    return None


cdef Deployment pick_account(Group group, uint32_t dialect, int account):
    """Return the group's deployment in this account, or None."""
    cdef Deployment deployment
    for deployment in group.deployments:
        if deployment.account == account and deployment.native_bits & dialect:
            return deployment
    return None
