# Which deployment answers: simple-shuffle, by weight where any is given, in turn otherwise.

cdef tuple DIALECTS = ("openai_chat", "openai_responses", "anthropic_messages", "gemini", "ollama", "bedrock", "cohere")
# What an operation is in any dialect.
cdef tuple KINDS = ("chat", "embeddings", "count_tokens")

cdef enum:
    KIND_CHAT = 1


cdef class Deployment:
    """One entry of model_list, bound to its provider and its connections.

    *build_target(operation, query, path_id)* returns the upstream request's head up to the client's fields.
    """

    def __init__(self, bytes deployment_id, *, bytes answer_fields, bytes model, Pool pool, native, str dialect, build_target,
                 bytes version_field, bytes secret, double timeout_s, double stream_timeout_s, double gap_timeout_s, bint stream_usage,
                 int64_t weight, int account, kinds=(), speech=None, changed_for=(), credentials=None):
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


cdef Deployment pick(GatewayService self, Group group, Operation operation):
    """Return a deployment that can answer the operation, or None."""
    cdef Deployment deployment
    cdef Py_ssize_t count = len(group.deployments), i, turn
    cdef int64_t total = 0, at
    if count == 1:
        deployment = <Deployment>group.deployments[0]
        return deployment if serves(deployment, operation) else None
    if group.weight_sum:
        for deployment in group.deployments:
            if serves(deployment, operation):
                total += deployment.weight
        if total:
            at = <int64_t>(next_random(self) % <uint64_t>total)
            for deployment in group.deployments:
                if serves(deployment, operation):
                    at -= deployment.weight
                    if at < 0:
                        return deployment
    turn = group.turn
    for i in range(count):
        deployment = <Deployment>group.deployments[(turn + i) % count]
        if serves(deployment, operation):
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
