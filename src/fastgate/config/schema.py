"""What the program runs on: frozen, complete, every default filled in. Made by `config.resolve`."""

from msgspec import Struct, field
from msgspec.structs import replace


class Secret:
    """A value that no repr, log, error or pickle shows; only the writer of the upstream head reveals it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled")


# Largest number of a priority; the core knows it too.
MOST_PRIORITY = 10_000

# Classes of failures, as `route/failures.py` names them and counts them.
FAILURES = (
    "caller",
    "not_found",
    "context_window",
    "content_policy",
    "key",
    "rate_limit",
    "timeout",
    "unavailable",
    "server",
)


# Of deployments that have no `order`; what the core takes it to be.
ORDER_LAST = 2**31 - 1


class Alias(Struct, frozen=True, kw_only=True):
    """Another name for a model of `model_list`."""

    model: str
    # Not listed among the models.
    hidden: bool = False


class Reliability(Struct, frozen=True, kw_only=True):
    """What becomes of requests whose deployments fail."""

    # A request with everything that is tried for it; deployments with a longer timeout of their own have that.
    timeout_s: float = 600.0
    # The wait before deployments that all failed are asked again: it grows, and chance makes it differ.
    backoff_s: float = 0.5
    backoff_factor: float = 2.0
    backoff_limit_s: float = 8.0
    backoff_least_s: float = 0.0
    # Chance only adds to it, a tenth at the most.
    backoff_exact: bool = False
    # Model -> who stands in, in order; `*` is every model that has no entry.
    fallbacks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    context_window_fallbacks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    content_policy_fallbacks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    # - LiteLLM: 5
    max_fallbacks: int = 5
    # Retries as a share of a model's requests while none of its deployments is well; 0: as many as are configured.
    # - Envoy, Finagle: 0.2
    retry_budget: float = 0.1
    # Failures in a minute that leave a deployment in service; -1: two in a row are one too many.
    allowed_fails: int = -1
    # Out of service for; -1: it grows with each failure.
    cooldown_s: float = -1.0
    cooldowns: bool = True
    aliases: dict[str, Alias] = field(default_factory=dict)


class Queue(Struct, frozen=True, kw_only=True):
    """Requests that wait for a deployment to have room, per worker."""

    max_requests: int = 1000
    # Longest wait of one: in seconds, and as a multiple of the time that its own answer is expected to take, but not less than the third.
    max_wait_s: float = 60.0
    max_wait_times: float = 4.0
    min_wait_s: float = 0.5
    # For each time that a caller waits for its turn this long, its priority counts as half of it.
    aging_s: float = 5.0


class TagFilter(Struct, frozen=True, kw_only=True):
    """Whether requests go only to deployments that share their tags."""

    enabled: bool = False
    # One tag of a request's is enough; else a deployment must have all of them.
    match_any: bool = True


class Share(Struct, frozen=True, kw_only=True):
    """A part of the requests for a model, for another model."""

    model: str
    to: str
    # Of a million.
    parts: int


class Hedging(Struct, frozen=True, kw_only=True):
    """Requests that wait unusually long for their first content are asked for at another deployment too."""

    # Of these models of model_list; `*` is every one. Empty: none.
    models: tuple[str, ...] = ()
    # Most hedges, as a share of requests.
    budget: float = 0.02
    # One is asked for when this share of the others would have had their first content.
    after_quantile: float = 0.95

    def covers(self, model_name: str) -> bool:
        """Return whether requests for a model of model_list are hedged."""
        return model_name in self.models or "*" in self.models


class Routing(Struct, frozen=True, kw_only=True):
    """How one of a model's deployments is chosen."""

    strategy: str = "expected-latency"
    # Of models that have one of their own.
    strategies: dict[str, str] = field(default_factory=dict)
    # latency-based-routing takes any deployment that is at most this fraction worse than the best.
    latency_buffer: float = 0.0
    queue: Queue = Queue()
    tags: TagFilter = TagFilter()
    # Answered by the other model in the name of the first.
    canaries: tuple[Share, ...] = ()
    # Asked of the other model as well, which nobody gets the answer of.
    mirrors: tuple[Share, ...] = ()
    # Copies on their way at once, per worker; beyond it none is made.
    mirrors_in_flight: int = 100
    # Of requests that say nothing of it; 0 is the most important.
    default_priority: int = 0
    hedging: Hedging = Hedging()


class Rewrites(Struct, frozen=True, kw_only=True):
    """What the configuration changes in the bodies of requests, in LiteLLM's words."""

    # Leave out what the deployment's dialect cannot say, instead of refusing the request.
    drop_params: bool = False
    # A request without a first user turn may get a placeholder.
    modify_params: bool = False
    # Sent on whatever the provider's tables say.
    allowed_openai_params: frozenset[str] = frozenset()
    # Left out of what the caller sent: members, or paths such as `tools[*].function.strict`.
    additional_drop_params: tuple[str, ...] = ()
    # Written into every body that goes upstream, over what is there.
    extra_body: dict[str, object] = field(default_factory=dict)
    # Written where the caller said nothing: temperature, max_tokens, ...
    defaults: dict[str, object] = field(default_factory=dict)

    @property
    def change_bodies(self) -> bool:
        """Whether a body of the deployment's own dialect has to be rewritten as well."""
        return bool(self.additional_drop_params or self.extra_body or self.defaults)


class Deployment(Struct, frozen=True, kw_only=True):
    """One entry of `model_list`: a model at a provider, with a key, weight and limits."""

    # Stable over restarts: model_info.id, or a hash over the entry without its secrets.
    deployment_id: str
    # What the caller asks for. May hold one `*`.
    model_name: str
    # Name of the row in `providers/`.
    provider: str
    # What the provider is asked for. A `*` stands for what the `*` of model_name matched.
    model: str
    # scheme://host[:port][/path], no trailing slash.
    api_base: str
    api_version: str
    api_key: Secret | None
    organization: str
    # Fields added to every upstream request, in order.
    extra_headers: tuple[tuple[str, Secret], ...]
    # The whole request, from dispatch to the last byte.
    timeout_s: float
    # Dispatch to the first byte of a streamed answer.
    stream_timeout_s: float
    # As it says itself; -1: not given.
    max_retries: int
    # 0: not given.
    weight: int
    rpm: int
    tpm: int
    model_info: dict[str, object]
    # Wire format where it is not the provider's usual one: openai_responses; empty: the provider's.
    dialect: str = ""
    # Credentials of a cloud, by LiteLLM's names: aws_access_key_id, vertex_credentials, tenant_id, ...
    cloud: dict[str, Secret] = field(default_factory=dict)
    rewrites: Rewrites = Rewrites()
    # How often a request is made again after a failure of each class (FAILURES).
    retries: tuple[int, ...] = (0,) * len(FAILURES)
    # Of this deployment alone; -1: not given.
    cooldown_s: float = -1.0
    # Requests at a time, all workers together (max_parallel_requests); 0: not given.
    slots: int = 0
    # Those with a lower one are asked first.
    order: int = ORDER_LAST
    # Requests with one of these are for it.
    tags: frozenset[str] = frozenset()
    # Where it computes; empty: not known.
    region: str = ""
    # Dispatch to the first content of a streamed answer; 0: not given.
    first_token_timeout_s: float = 0.0
    # Models that stand in when it failed; empty: those of its model do.
    fallbacks: tuple[str, ...] = ()


class Tls(Struct, frozen=True, kw_only=True):
    """How upstreams are verified (`ssl_verify`, `ssl_certificate`, ... of LiteLLM)."""

    verify: bool = True
    # Paths; empty: the system's.
    ca_file: str = ""
    client_cert_file: str = ""
    client_key_file: str = ""


class Limits(Struct, frozen=True, kw_only=True):
    """Bounds of what one client or upstream can make us hold or wait for."""

    # - nginx large_client_header_buffers: 8 KiB  - Node: 16 KiB (head)  - RFC 9112 3: at least 8000 octets
    request_line_bytes: int = 16 * 1024
    # - h11: 16 KiB  - Node: 16 KiB  - Apache: 8 KiB a field  - nginx: 4 x 8 KiB
    head_bytes: int = 64 * 1024
    # - Apache LimitRequestFields: 100  - HAProxy: 101  - Node: 2000
    head_fields: int = 200
    # - Anthropic: 32 MB  - nginx: 1 MB  - LiteLLM: none
    body_bytes: int = 32 * 1024 * 1024
    # Nobody needs a chunk above the whole body's bound.
    chunk_bytes: int = 32 * 1024 * 1024
    # The head must arrive within. nginx and Apache: 60 s, 20-40 s.
    head_timeout_s: float = 15.0
    # Longest silence inside a body, and in a client that does not read.
    body_timeout_s: float = 30.0
    write_timeout_s: float = 60.0
    # nginx: 75 s.
    keepalive_timeout_s: float = 75.0
    # Open connections of clients, per worker.
    client_connections: int = 16_000
    # Per worker; more get 503. - Envoy max_requests: 1024  - HAProxy maxconn: by memory
    requests_in_flight: int = 8_000
    # Of requests whose answers have not begun, per worker: 16 of the largest.
    bodies_bytes: int = 512 * 1024 * 1024


class UpstreamSettings(Struct, frozen=True, kw_only=True):
    connect_timeout_s: float = 3.0
    # Longest silence between two pieces of an answer.
    between_chunks_timeout_s: float = 300.0
    # Idle connections are closed before common servers would: nginx 75 s, Node 5 s, uvicorn 5 s, gunicorn 2 s.
    keepalive_timeout_s: float = 60.0
    # Per origin and worker.
    connections: int = 4096
    idle_connections: int = 256
    # Opened at start, per origin and worker.
    warm_connections: int = 0
    dns_ttl_s: float = 60.0
    tls: Tls = Tls()
    # From HTTPS_PROXY / HTTP_PROXY / NO_PROXY; empty: direct.
    https_proxy: str = ""
    http_proxy: str = ""
    no_proxy: tuple[str, ...] = ()


class Settings(Struct, frozen=True, kw_only=True):
    """Everything a worker needs to know."""

    deployments: tuple[Deployment, ...] = ()
    master_key: Secret | None = None
    # Variables that say who we are in a cloud: AWS_*, GOOGLE_*, AZURE_*, and where their files are.
    cloud_environment: dict[str, Secret] = field(default_factory=dict)
    # Serve callers without a key from other hosts too.
    allow_unauthenticated: bool = False
    # Every request goes to this model whatever it names (`fastgate --model M`).
    only_model: str = ""
    limits: Limits = Limits()
    upstream: UpstreamSettings = UpstreamSettings()
    reliability: Reliability = Reliability()
    routing: Routing = Routing()
    # Leave out deployments whose model is known not to fit a request (LiteLLM's enable_pre_call_checks).
    pre_call_checks: bool = False
    # Origins allowed by CORS; `*` is every origin. Empty: no CORS.
    cors_origins: tuple[str, ...] = ()
    # Answer with `x-litellm-*` beside `x-fastgate-*`: the file is a LiteLLM config.
    litellm_headers: bool = False
    drain_timeout_s: float = 30.0

    @property
    def listed(self) -> tuple[Deployment, ...]:
        """The deployments, once more under each other name of theirs that is not hidden."""
        others = [(name, alias.model) for name, alias in self.reliability.aliases.items() if not alias.hidden]
        return self.deployments + tuple(
            replace(one, model_name=name) for name, model in others for one in self.deployments if one.model_name == model
        )
