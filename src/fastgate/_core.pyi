"""The compiled core as Python sees it; its inside is in `_core.pxd` and the parts.

Names: *_s are seconds, *_bytes bytes. Fields of HTTP messages come as `name: value` with CRLF behind each. What is documented to take
`str` or `bytes` takes no other type: a TypeError says which was wanted. Nothing here may be used by two threads at once.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from socket import socket
from ssl import SSLContext
from typing import Any, Protocol, Self, final

from typing_extensions import Buffer, disjoint_base

# Status, content type, body, fields.
_Answer = tuple[int, bytes, bytes, bytes]
# Family, packed address, port.
_Address = tuple[int, bytes, int]

class _Limits(Protocol):
    """What `Listener` reads once of its *limits*; `config.schema.Limits` is one."""

    @property
    def request_line_bytes(self) -> int: ...
    @property
    def head_bytes(self) -> int: ...
    @property
    def head_fields(self) -> int: ...
    @property
    def body_bytes(self) -> int: ...
    @property
    def chunk_bytes(self) -> int: ...
    @property
    def head_timeout_s(self) -> float: ...
    @property
    def body_timeout_s(self) -> float: ...
    @property
    def write_timeout_s(self) -> float: ...
    @property
    def keepalive_timeout_s(self) -> float: ...
    @property
    def client_connections(self) -> int: ...
    @property
    def requests_in_flight(self) -> int: ...
    @property
    def bodies_bytes(self) -> int: ...

class _PoolSettings(Protocol):
    """What `Pool` reads once of its *settings*; `config.schema.UpstreamSettings` is one."""

    @property
    def connections(self) -> int: ...
    @property
    def idle_connections(self) -> int: ...
    @property
    def connect_timeout_s(self) -> float: ...
    @property
    def keepalive_timeout_s(self) -> float: ...

class _Translation(Protocol):
    """A request in a provider's words, and what its answer becomes in the caller's."""

    # Head up to Content-Length, and body.
    @property
    def head(self) -> bytes: ...
    @property
    def body(self) -> bytes: ...
    @property
    def stream(self) -> bool: ...
    # How a stream is cut: 0 server-sent events, 1 lines, 2 frames, which `on_bytes` cuts.
    @property
    def framing(self) -> int: ...
    # Of the caller's stream.
    @property
    def content_type(self) -> bytes: ...
    # Of the answer's head, CRLF behind each.
    @property
    def fields(self) -> bytes: ...
    # What stands before and behind the text of a delta, in the provider's event and in what the caller got; None: not learned.
    @property
    def shape(self) -> tuple[bytes, bytes, bytes, bytes] | None: ...
    # The stream has said something: it is sent from here on.
    @property
    def began(self) -> bool: ...
    # `absorb` wants to know of deltas that were copied.
    @property
    def absorbs(self) -> bool: ...
    # Bytes for the caller; None: the stream failed.
    def on_event(self, event: bytes, /) -> bytes | None: ...
    def on_bytes(self, piece: bytes, /) -> bytes | None: ...
    def on_end(self) -> bytes | None: ...
    def absorb(self, literal: bytes, /) -> None: ...
    # Status, content type, body, code of what failed, fields.
    def on_answer(self, body: bytes, /) -> tuple[int, bytes, bytes, str | None, bytes]: ...
    def on_error(self, status: int, body: bytes, /) -> tuple[int, bytes, bytes, str | None, bytes]: ...
    def failure(self) -> tuple[int, bytes, bytes, str | None, bytes] | None: ...
    # Tokens: input, output, cache read, cache write, reasoning.
    def counted(self) -> tuple[int, int, int, int, int]: ...

class _Wishes(Protocol):
    num_retries: int
    timeout_s: float

class _Control(Protocol):
    """Python's part of the gateway. Exceptions end the one connection that asked, and go to `Poller.on_exception`."""

    def find_operation(self, line: bytes, /) -> tuple[Operation, str, str, bytes | None, bytes | None]: ...
    def operation_of_fault(self, path: bytes, /) -> Operation: ...
    def find_group(self, model: bytes, /) -> Group | None: ...
    def find_owner(self, exchange: Exchange, /) -> Group | str: ...
    def explain_unknown(self, model: bytes, /) -> str: ...
    def explain_mismatch(self, group: Group, operation: Operation, /) -> str: ...
    def render_error(self, exchange: Exchange, code: str, message: str, /) -> tuple[int, bytes, bytes]: ...
    def error_event(self, exchange: Exchange, code: str, message: str, /) -> bytes: ...
    def translate(self, exchange: Exchange, /) -> _Translation | bytes | tuple[str, str, str | None]: ...
    # None: credentials are at hand; "": they are on their way, `resume` follows; else why there are none.
    def authorize(self, exchange: Exchange, /) -> str | None: ...
    # Body, and fields for the answer.
    def change(self, exchange: Exchange, /) -> tuple[bytes, bytes] | tuple[str, str, str | None]: ...
    # Who answers instead; for one that follows a response of this account (-1: none), who can.
    def divert(self, exchange: Exchange, group: Group, account: int, /) -> Group | None: ...
    def mirrors(self, group: Group, /) -> Sequence[Group]: ...
    def admit(self, exchange: Exchange, group: Group, /) -> Group | tuple[str, str, str | None]: ...
    def check(self, exchange: Exchange, group: Group, /) -> Group | tuple[str, str, str | None]: ...
    def cors_fields(self, origin: bytes, /) -> bytes: ...
    # `num_retries` (-1: not said) and `timeout_s` (0: not said) are read of what is returned; the rest is `fall_back`'s.
    def read_wishes(self, members: dict[str, bytes], /) -> _Wishes | tuple[str, str, str | None]: ...
    # Class, -1 if it would fail anywhere, and microseconds to wait.
    def failure(self, code: str, status: int, head: bytes, body: bytes, /) -> tuple[int, int]: ...
    # The body is None if it is the caller's; then the microseconds of an attempt (0: not said) and the retries (-1: not said).
    def fall_back(self, exchange: Exchange, failure: int, /) -> tuple[Group, bytes | None, int, int] | None: ...

@final
class Poller:
    """One epoll descriptor and everything behind it, beside an event loop.

    Either the loop watches `fileno()` for reading and calls `on_ready` when it is, or the loop's callback calls `wait`, again and again.
    Raise OSError if the kernel gives no descriptor. A Poller does not survive a fork: make it in the process that uses it.
    """

    # Called with an exception that nobody expected, which is a bug: its connection is closed, the others go on.
    on_exception: Callable[[Exception], object] | None
    def __init__(self) -> None: ...
    def fileno(self) -> int:
        """Return the epoll descriptor; -1 once closed."""
    def on_ready(self) -> None:
        """Handle everything that is ready; never blocks."""
    def watch_loop(self, backend_fd: int) -> None:
        """Watch the event loop's own descriptor, for `wait`. Raise OSError if it cannot be watched."""
    def wait(self) -> bool:
        """Handle what comes until the event loop has something of its own to do, or for a tick of 50 ms. Return whether it has."""
    def counters(self) -> dict[str, int]:
        """Return the open `connections` of clients, `exchanges` in progress and `upstreams`, connections to providers."""
    def close_connections(self) -> None:
        """Close every connection and listener."""
    def close(self) -> None:
        """Close every connection and the descriptor itself."""
    @property
    def epoll_fd(self) -> int: ...
    @property
    def connections(self) -> int: ...
    @property
    def upstreams(self) -> int: ...
    @property
    def exchanges(self) -> int: ...

@disjoint_base
class Service:
    """Answers the requests of a `Listener`'s connections. Not made by itself: `GatewayService` and `Responder` are services."""

    @property
    def draining(self) -> bool: ...

@final
class Listener(Watched):
    """Accepts connections for a service from a listening socket, which stays the caller's.

    *limits* hold for all connections of the service. Raise OSError if the socket cannot be watched.
    """

    def __init__(self, poller: Poller, sock: socket, service: Service, limits: _Limits) -> None: ...
    def close(self) -> None:
        """Stop accepting; open connections stay, and so does the socket."""

@final
class Responder(Service):
    """Hand each complete request to *callback*, at once or later answered through its methods."""

    def __init__(self, callback: Callable[[Request], object]) -> None: ...

@final
class Request:
    """One complete request; `write` raw bytes of the answer, then `finish`. Made by a `Responder` only."""

    # Called without arguments when the caller has left before `finish`.
    on_gone: Callable[[], object] | None
    @property
    def method(self) -> bytes: ...
    @property
    def target(self) -> bytes: ...
    @property
    def body(self) -> bytes: ...
    @property
    def keep_alive(self) -> bool:
        """Whether the connection is kept after the answer."""
    @property
    def gone(self) -> bool:
        """Whether there is nobody to answer any more: the caller left, or the answer is finished."""
    def field(self, name: bytes) -> bytes:
        """Return the value of the first field of this lower-case name, or b""."""
    def write(self, answer: bytes) -> None:
        """Send bytes as they are, status line and framing included; kept if the client is slow, dropped if it is gone."""
    def finish(self, keep: bool = True) -> None:
        """The answer is complete: the connection is kept, or closed if the request said so."""
    def close(self) -> None:
        """Close the connection now, whatever was promised."""
    def reset(self) -> None:
        """Close the connection with RST."""

@final
class Keys:
    """The keys that are accepted, ASCII."""

    def __init__(self, accepted: Iterable[str]) -> None: ...

@final
class Pool:
    """One origin's connections, dialled when they are needed.

    *resolve* is called with the pool when it needs addresses, and answers through `on_addresses`, at once or later. *tls_context* None:
    plain TCP. *tunnel*: the bytes of a CONNECT request, when the addresses are those of a proxy. *origin*: as errors name it; host:port
    if empty.
    """

    def __init__(
        self,
        poller: Poller,
        host: str,
        port: int,
        settings: _PoolSettings,
        tls_context: SSLContext | None,
        resolve: Callable[[Pool], object],
        tunnel: bytes | None = None,
        origin: str = "",
    ) -> None: ...
    @property
    def origin(self) -> str: ...
    @property
    def open(self) -> int:
        """Connections that can be used or are in use."""
    @property
    def last_failure(self) -> str:
        """Why the last dial failed; empty if none did."""
    @property
    def idle_count(self) -> int:
        """Connections that nobody uses."""
    @property
    def waiting_count(self) -> int:
        """Exchanges that wait for a connection."""
    def warm(self, count: int) -> None:
        """Open connections until *count* are there."""
    def on_addresses(self, addresses: list[_Address], failure: str, ttl_s: float) -> None:
        """Take what `resolve` found, in order of preference; if it is empty, *failure* says why."""
    def close(self) -> None:
        """Close idle connections; those in use are closed when their answer ends."""

@final
class RateLimit:
    """*limit* units in each *period_s*: all of them at once (a bucket), a tenth of them if *smooth*, or *burst*."""

    def __new__(cls, limit: int, *, period_s: float = 60, smooth: bool = False, burst: int = 0) -> Self: ...
    @property
    def limit(self) -> int: ...
    @property
    def burst(self) -> int:
        """Units that may be taken at once."""
    @property
    def increment_ns(self) -> int:
        """What a unit costs, rounded up."""
    @property
    def burst_ns(self) -> int:
        """What the burst costs."""

@final
class Cells:
    """Cells by their number, in *memory*: a writable buffer, zeroed, at a multiple of 64, which all workers share. Times: CLOCK_MONOTONIC.

    A cell is a token bucket, or counts requests at a time in lanes. Without *now_ns* the clock is read.
    """

    def __new__(cls, memory: Buffer) -> Self: ...
    @property
    def count(self) -> int: ...
    def word(self, cell: int) -> int:
        """Return what stands in memory."""
    def take(self, cell: int, limit: RateLimit, units: int = 1, now_ns: int = -1) -> int:
        """Return 0 if *units* were taken, else the nanoseconds until they would be there; -1: they never are."""
    def wait(self, cell: int, limit: RateLimit, units: int, now_ns: int) -> int:
        """Return what `take` would, and take nothing."""
    def charge(self, cell: int, limit: RateLimit, units: int, now_ns: int) -> None:
        """Take *units* whether they are there or not."""
    def remaining(self, cell: int, limit: RateLimit, now_ns: int) -> int:
        """Return the units that are there."""
    def reset_ns(self, cell: int, now_ns: int) -> int:
        """Return the nanoseconds until the bucket is full again."""
    def borrow(self, asks: Iterable[tuple[int, RateLimit, str, int]], now_ns: int = -1) -> BorrowedUnits:
        """Return what was borrowed for all the *asks*, (cell, limit, what is counted, units): all of them, or nothing.

        Counted are "requests", "tokens", "input_tokens" or "output_tokens".
        """
    def acquire(self, cell: int, lane: int, limit: int) -> bool:
        """Whether one more was counted in the worker's *lane* (0 to 7, at most 255 in each), so that all have *limit* at most."""
    def release(self, cell: int, lane: int) -> None:
        """Count one fewer in the worker's own *lane*."""
    def clear_lane(self, cell: int, lane: int) -> None:
        """Forget what a worker that is dead had in its lane."""
    def in_use(self, cell: int) -> int:
        """Return what all lanes have together."""
    def time_takes(self, cell: int, times: int, clock: bool) -> float:
        """Return the nanoseconds that a take costs, of *times* in a row that are all admitted; *clock*: the clock is read for each."""
    def time_borrows(self, asks: Iterable[tuple[int, RateLimit, str, int]], times: int) -> tuple[float, float]:
        """Return the nanoseconds that borrowing, with a reading of the clock, and settling the *asks* cost, of *times* in a row."""

@final
class BorrowedUnits:
    """What `Cells.borrow` took: all, or nothing if `wait_ns` is not 0."""

    @property
    def wait_ns(self) -> int:
        """Nanoseconds until it would be there: -1 never, 0 all was taken."""
    @property
    def refused(self) -> int:
        """The ask to wait longest for; -1: none was refused."""
    def settle(self, *, requests: int = 1, tokens: int = 0, input_tokens: int = 0, output_tokens: int = 0) -> None:
        """Charge what was used; a second time it is nothing."""
    def give_back(self) -> None:
        """Give all back: the request was not made."""

_Said = tuple[int, int, int]

@final
class Mirror:
    """The limits of *accounts*, and those configured of *deployments*, in *memory* that all workers share.

    *memory*: a writable buffer of `Mirror.size(...)` bytes, zeroed, at a multiple of 64. An account is what shares limits at a provider: a
    key, and where limits are per model, the model too. Times are CLOCK_MONOTONIC, but for *wall_us*, since 1970.
    """

    def __new__(cls, memory: Buffer, accounts: int, deployments: int) -> Self: ...
    @property
    def accounts(self) -> int: ...
    @property
    def deployments(self) -> int: ...
    @staticmethod
    def size(accounts: int, deployments: int) -> int:
        """Return the bytes of memory that these need."""
    @staticmethod
    def read(head: bytes, wall_us: int) -> tuple[dict[str, _Said], int]:
        """Return what the complete *head* of an answer says; -1: nothing.

        That is (limit, remaining, reset_ns) by what is counted (`Cells.borrow`), and retry_after_ns.
        """
    def describe(self, deployment: int, *, rpm: int = 0, tpm: int = 0, smooth: bool = False) -> None:
        """Say which limits of a *deployment* are configured, 0: none.

        *smooth*: no minute, whenever it begins, has more than *rpm* requests, and a tenth of them are sent at once; else all are.
        """
    def wait(self, account: int, deployment: int, now_us: int, *, input_tokens: int = 0, output_tokens: int = 0) -> tuple[int, int]:
        """Return when a request is admitted and how long after it one more is, in us: (0, ...) now, (-1, ...) never."""
    def send(
        self, account: int, deployment: int, now_us: int, *, input_tokens: int = 0, output_tokens: int = 0, anyway: bool = False
    ) -> MirroredRequest:
        """Return the request as it was charged; if its `wait_us` is not 0 it was not, and must wait.

        *anyway*: whatever the provider has said; what is configured holds still. *deployment* -1: nothing is configured.
        """
    def time_requests(self, head: bytes, now_us: int, times: int) -> tuple[float, float, float, float]:
        """Return the nanoseconds of a wait, a charge, an answer's *head* and a settlement, of *times* in a row of 16 requests."""
    def snapshot(self, account: int, now_us: int) -> dict[str, Any]:
        """Return what is known of an account's limits."""

@final
class MirroredRequest:
    """One request at one account, from `Mirror.send`. What is told behind its end is nothing."""

    @property
    def wait_us(self) -> int:
        """Microseconds until it could be sent: -1 never, 0 it was."""
    def answered(self, head: bytes, now_us: int, wall_us: int) -> None:
        """Take over what the complete *head* of the answer says."""
    def settle(self, *, input_tokens: int = 0, output_tokens: int = 0) -> None:
        """Correct the estimates by what was used."""
    def cancel(self) -> None:
        """Take all back: the request was not sent."""

@final
class Owners:
    """Accounts by the ids that they made.

    *memory*, shared by all workers, is a zeroed, writable buffer of a power of two of bytes, 32 at least.
    """

    def __init__(self, memory: Buffer) -> None: ...
    def remember(self, name: bytes, account: int) -> None:
        """Note that *account* (0 to 65534) made the id *name*."""
    def find(self, name: bytes) -> int:
        """Return the account that made the id *name*, or -1."""

STRATEGIES: dict[str, int]

@final
class Fleet:
    """*deployments* in *groups*, in *memory* that all workers share; this one writes *lane* of *lanes*.

    *memory*: a writable buffer of `Fleet.size(...)` bytes, zeroed and at a multiple of 64. *buffer*: `lowest_latency_buffer`.
    """

    def __new__(cls, memory: Buffer, deployments: int, groups: int, lanes: int, lane: int, seed: int, buffer: float = 0) -> Self: ...
    @property
    def deployments(self) -> int: ...
    @property
    def groups(self) -> int: ...
    @property
    def lanes(self) -> int: ...
    @property
    def lane(self) -> int:
        """The one that this worker writes."""
    @property
    def held_for(self) -> int:
        """Where the last request that `pick` held back would have gone."""
    @staticmethod
    def size(deployments: int, groups: int, lanes: int) -> int:
        """Return the bytes of memory that these need."""
    def describe(
        self,
        deployment: int,
        *,
        slots: int = 0,
        weight: int = 0,
        rpm: int = 0,
        tpm: int = 0,
        input_cost: float = -1,
        output_cost: float = -1,
        contention: float = -1,
        allowed_fails: int = -1,
        cooldown_s: float = -1,
        never_out: bool = False,
    ) -> None:
        """Say what is configured of a *deployment*: 0 or a negative cost is unknown.

        *contention*: what to start from, 0 (requests do not slow each other down) to 1 (they share it out). *allowed_fails*: failures in
        a minute that do not eject it, -1: two in a row do. *cooldown_s*: how long it is ejected, -1: by how long its failures take.
        """
    def form(self, group: int, deployments: Iterable[int]) -> None:
        """Say which *deployments* the *group* has."""
    def clear_lane(self, lane: int) -> None:
        """Forget what a worker that is dead had in flight."""
    def hold(self, deployment: int, count: int) -> None:
        """Say that this worker holds *count* more requests back for *deployment*, as `held_for` said; negative: fewer."""
    def hold_since(self, group: int, oldest_us: int) -> None:
        """Say since when this worker holds a request of *group* back; 0: it holds none."""
    def oldest_lane(self, group: int) -> int:
        """Return the lane whose worker holds the oldest request of *group* back; -1: none does."""
    def earn_hedge(self, group: int, share: float) -> None:
        """Let one more request of *group* pay for this *share* of a hedge."""
    def spend_hedge(self, group: int) -> bool:
        """Return whether a hedge of *group* may be asked for: it is paid for then."""
    def learn_first_content(
        self, deployment: int, took_s: float, *, prompt_tokens: float = 0, max_tokens: float = 0, whole: bool = False
    ) -> None:
        """Learn from an answer of *deployment* whose first content took so long."""
    def first_content_s(
        self, deployment: int, quantile: float, *, prompt_tokens: float = 0, max_tokens: float = 0, whole: bool = False
    ) -> float:
        """Return the seconds within which *quantile* of such answers had their first content; 0: too few were seen."""
    def pick(
        self,
        strategy: str,
        group: int,
        now_us: int,
        prompt_tokens: float,
        *,
        max_tokens: float = 0,
        whole: bool = False,
        excluded: Container[int] | None = None,
        cached: Mapping[int, float] | None = None,
        not_before: Mapping[int, tuple[int, int]] | None = None,
    ) -> int:
        """Return the deployment of *group* to ask; -1: none is left; -2: the best of them is worth waiting for.

        *cached*: prompt tokens kept, *not_before*: when a rate limit admits the request, and how long after one the next, in us; both by
        deployment.
        """
    def dispatch(
        self,
        group: int,
        deployment: int,
        now_us: int,
        prompt_tokens: float,
        *,
        max_tokens: float = 0,
        whole: bool = False,
        cached_tokens: float = 0,
    ) -> Attempt:
        """Return the attempt that begins with sending the request to *deployment*."""
    def snapshot(self, now_us: int) -> list[dict[str, Any]]:
        """Return what is known of each deployment, in the order of their numbers."""
    def explain(
        self,
        group: int,
        now_us: int,
        prompt_tokens: float,
        *,
        max_tokens: float = 0,
        excluded: Container[int] | None = None,
        cached: Mapping[int, float] | None = None,
        not_before: Mapping[int, tuple[int, int]] | None = None,
        among: Iterable[int] | None = None,
    ) -> list[dict[str, Any]]:
        """Return the parts of `expected-latency`'s score of each candidate, and for the others why they would not be asked.

        *among*: the candidates, if not all of the group's.
        """
    def time_picks(self, strategy: str, group: int, now_us: int, prompt_tokens: float, times: int) -> float:
        """Return the nanoseconds that a choice takes, of *times* in a row."""
    def time_events(self, group: int, now_us: int, times: int) -> tuple[float, float, float, float]:
        """Return the nanoseconds of a dispatch, a first byte, a chunk and an end, of *times* in a row of 16 requests."""

@final
class Attempt:
    """One request at one deployment, from `Fleet.dispatch`. Events behind its end are nothing."""

    @property
    def deployment(self) -> int: ...
    @property
    def open(self) -> bool: ...
    def first_byte(self, now_us: int) -> None:
        """The answer has begun."""
    def progress(self, tokens: int, now_us: int) -> None:
        """The answer has *tokens* so far."""
    def ended(self, output_tokens: int, now_us: int, exact: tuple[float, float] | None = None) -> None:
        """The answer is complete; *exact*: (prompt_s, output_s) as the server timed it."""
    def failed(self, failure: str, now_us: int, retry_after_us: int = 0) -> None:
        """There is no good answer: "server", "timeout", "rate_limited", "key", "caller" or "cancelled"."""

@final
class Deployment:
    """One entry of `model_list`, bound to its provider and its connections.

    *deployment_id* and *model* are the insides of JSON strings. *native*: the dialects of requests that the provider understands as they
    are; *kinds*: of operations that it can be asked for in other words (chat, embeddings, count_tokens), as *speech* says. *changed_for*:
    bytes one of which stands in a body of its own dialect that `change` has to be asked about. *credentials*: `authorize` is asked before
    each request. *build_target*, called with (operation, query, path id), returns the upstream request's head up to the client's fields.
    *version_field* is sent when the caller names no version of the dialect. *secret* is taken out of the provider's error answers; b"":
    none. *timeout_s* holds for the whole request, *stream_timeout_s* for the first byte of a stream, *gap_timeout_s* between two
    pieces. *account* as in `Owners`. *number*: its place in a `Fleet`, *quota*: its account in a `Mirror`. *retries*: how often a request
    is made again after a failure of each of the nine classes. *order*: those with a lower one are asked first; without one it comes last.
    *first_token_timeout_s*: until a stream must have said something; 0: no bound.
    """

    def __init__(
        self,
        deployment_id: bytes,
        *,
        answer_fields: bytes,
        model: bytes,
        pool: Pool,
        native: Iterable[str],
        dialect: str,
        build_target: Callable[[Operation, bytes | None, bytes | None], bytes],
        version_field: bytes,
        secret: bytes,
        timeout_s: float,
        stream_timeout_s: float,
        gap_timeout_s: float,
        stream_usage: bool,
        account: int,
        number: int = 0,
        quota: int = 0,
        kinds: Iterable[str] = (),
        speech: Any = None,
        changed_for: Iterable[bytes] = (),
        credentials: Any = None,
        retries: Sequence[int] = ...,
        order: int = ...,
        first_token_timeout_s: float = 0,
    ) -> None: ...
    @property
    def order(self) -> int: ...
    @property
    def number(self) -> int:
        """Its place in model_list, and in a `Fleet`."""
    @property
    def quota(self) -> int:
        """Its account in a `Mirror`."""
    @property
    def credentials(self) -> Any:
        """Where its token or its keys come from; None: it has a key, or needs none."""
    @property
    def speech(self) -> Any:
        """Python's part of how it is asked."""
    @property
    def deployment_id(self) -> bytes: ...
    @property
    def account(self) -> int:
        """Number of its base URL and key among those of the configuration; the same in every worker."""
    @property
    def native(self) -> frozenset[str]: ...
    @property
    def dialect(self) -> str: ...

@final
class Group:
    """The deployments that serve one model name.

    *literal* is the name as the inside of a JSON string; None: answers keep the provider's own name for the model. *number*: of its
    requests in a `Fleet`. *strategy*: one of STRATEGIES. *hedged*: what takes too long is asked for at another deployment too.
    """

    def __init__(
        self,
        name: bytes,
        literal: bytes | None,
        deployments: Iterable[Deployment],
        number: int = 0,
        strategy: str = "expected-latency",
        hedged: bool = False,
    ) -> None: ...
    def of(self, deployments: Iterable[Deployment]) -> Group:
        """Return the group with these of its deployments alone."""
    def named(self, name: bytes, literal: bytes | None, canary_of: Group | None = None) -> Group:
        """Return the group under another name; *canary_of*: whose requests it answers under that."""
    @property
    def canary_of(self) -> Group | None: ...
    @property
    def number(self) -> int: ...
    @property
    def name(self) -> bytes: ...
    @property
    def literal(self) -> bytes | None: ...
    @property
    def deployments(self) -> tuple[Deployment, ...]: ...
    @property
    def hedged(self) -> bool: ...

@final
class Operation:
    """A row of `endpoints/`, bound.

    *body*: 0 none, 1 JSON, 2 multipart. *target*: what follows the provider's base URL; `{id}` is the path's. *terminates*: a stream
    whose own end is missing is broken, even if its connection ends cleanly. *id_field*: the answers' request id field, `name: `.
    *kind*: what it is in any dialect (chat, embeddings, count_tokens), "" if it cannot be translated. *stream_default*: a body that
    does not say `stream` asks for one. *model_in_path*: none is written into the body. *opaque*: the answer is never changed. *local*, if
    given, answers here. *public*: no key is asked for. *makes_ids*: what it makes is asked for by its id later.
    """

    def __init__(
        self,
        index: int,
        name: str,
        dialect: str,
        method: bytes,
        *,
        target: str,
        body: int,
        streams: bool,
        terminates: bool = False,
        usage_option: bool = False,
        id_field: bytes,
        local: Callable[[Exchange], _Answer] | None = None,
        public: bool = False,
        makes_ids: bool = False,
        needs_model: bool = False,
        kind: str = "",
        stream_default: bool = False,
        model_in_path: bool = False,
        opaque: bool = False,
    ) -> None: ...
    @property
    def index(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def dialect(self) -> str: ...
    @property
    def method(self) -> bytes: ...
    @property
    def target(self) -> str: ...
    @property
    def body(self) -> int: ...
    @property
    def local(self) -> Callable[[Exchange], _Answer] | None: ...
    @property
    def needs_model(self) -> bool: ...
    @property
    def streams(self) -> bool: ...
    @property
    def kind(self) -> str: ...

@final
class Exchange:
    """One request and what each step has learned about it. Made by a `GatewayService` only."""

    @property
    def operation(self) -> Operation: ...
    @property
    def request_id(self) -> bytes: ...
    @property
    def query(self) -> bytes | None: ...
    @property
    def path_id(self) -> bytes | None:
        """The path's `{id}`, percent-decoded."""
    @property
    def path_model(self) -> bytes | None:
        """The path's `{model}`, percent-decoded."""
    @property
    def content_type(self) -> bytes | None:
        """Of a multipart body, with its boundary."""
    @property
    def origin(self) -> bytes | None:
        """Of a browser's page, where CORS is configured."""
    @property
    def requested_fields(self) -> bytes | None:
        """The fields that a preflight asks for."""
    @property
    def wanted_model(self) -> bytes | None:
        """`x-fastgate-model`."""
    @property
    def tags(self) -> bytes | None:
        """`x-litellm-tags`."""
    @property
    def session_id(self) -> bytes | None:
        """`x-litellm-session-id`."""
    @property
    def model(self) -> bytes | None:
        """What the body asks for, unescaped."""
    @property
    def group(self) -> Group | None: ...
    @property
    def deployment(self) -> Deployment | None:
        """Where it goes; None until that is chosen."""
    @property
    def translation(self) -> Any:
        """None where caller and provider speak one dialect."""
    @property
    def param(self) -> str | None:
        """The parameter that an error of ours is about."""
    @property
    def retry_after_s(self) -> int:
        """What an error of ours says of when to come again; 0: nothing."""
    @property
    def body_bytes(self) -> bytes:
        """A copy of the request's body; empty once the answer has begun."""
    @property
    def original_body(self) -> bytes:
        """The same before one deployment or one fallback had its own made of it."""
    # What the body said to the gateway, as `read_wishes` returned it; None: nothing.
    wishes: Any

@final
class AccessLog:
    """Lines to the descriptor *fd*, one per finished request; *human*: for a terminal, else JSON. fd -1: no log."""

    def __init__(self, fd: int, human: bool) -> None: ...
    def flush(self, patience_ms: int = 0) -> None:
        """Write what was gathered, as far as the reader takes it within *patience_ms* each time."""
    @property
    def dropped(self) -> int:
        """Lines lost to a reader that stalled."""

@final
class GatewayService(Service):
    """Answers callers: some paths here, the others through a provider.

    *keys* None: nobody is asked for a key, and callers of other machines are refused unless *allow_unauthenticated*. *control* is
    Python's part, for what is not on the hot path. *request_prefix*: of request ids, up to 16 bytes.
    *owners* None: nothing is remembered. *checks*: `check` is asked which deployments a request fits,
    *tagged*: `admit` which of them it is for, *diverting*: `divert` whether a canary answers it, *mirroring*: `mirrors` who is asked as
    well, for *copy_limit* copies at once. *timeout_s* holds for a request and
    everything that is tried for it; a deployment's own holds if it is longer. *backoff_s*: before deployments that all failed are asked
    again, times *backoff_factor* each time, up to *backoff_limit_s*, at least *backoff_least_s*; chance halves it at the most, or
    with *backoff_exact* lengthens it by a tenth at the most. *fleet* is asked where requests go, *mirror* whether their providers have
    room; *wakers*: descriptors of the workers by their lanes, none if there is one worker alone. *queue_limit* requests wait at the most,
    each for *queue_s* and for *queue_times* what it is expected to take itself, but not less than *queue_least_s*. A caller's priority is
    halved for each *aging_s* that it waits for its turn; *default_priority* has who says nothing.
    *retry_budget*: retries as a share of a group's requests while none of its deployments is well; 0: as many as are configured.
    *hedges*: a request of a hedged group pays for this share of one, which is asked for when this share of the others would have had their
    first content.
    """

    def __init__(
        self,
        poller: Poller,
        keys: Keys | None,
        control: _Control,
        log: AccessLog,
        *,
        request_prefix: bytes,
        allow_unauthenticated: bool,
        litellm_headers: bool,
        cors: bool,
        owners: Owners | None = None,
        checks: bool = False,
        tagged: bool = False,
        diverting: bool = False,
        mirroring: bool = False,
        copy_limit: int = 0,
        timeout_s: float = 600,
        backoff_s: float = 0.5,
        backoff_factor: float = 2,
        backoff_limit_s: float = 8,
        backoff_least_s: float = 0,
        backoff_exact: bool = False,
        fleet: Fleet,
        mirror: Mirror,
        wakers: Iterable[int] = (),
        queue_limit: int = 1000,
        queue_s: float = 60,
        retry_budget: float = 0,
        queue_times: float = 4,
        queue_least_s: float = 0.5,
        aging_s: float = 5,
        default_priority: int = 0,
        hedges: tuple[float, float] = (0, 1),
    ) -> None: ...
    def bind(self, operations: dict[bytes, Operation], groups: dict[bytes, Group], only_group: Group | None) -> None:
        """Serve these operations, by b"METHOD /path", and these groups, by model name; *only_group*, if given, takes every request.

        Both are looked at as they are at each request: what is added later counts.
        """
    def drain(self) -> None:
        """Close idle connections; the rest say Connection: close with their answers."""
    def abort(self) -> None:
        """End open requests with an error that their callers can read: the process is about to end."""
    def explain(self, x: Exchange, operation: Operation, path_model: bytes | None) -> dict[str, Any] | tuple[str, str, str | None]:
        """Return where a request of *operation* with the exchange's body would go now, or what is wrong with it; nothing is asked.

        *path_model*: the model of its path, None if that has none. What is wrong is an error's code, message and parameter.
        """
    def resume(self, x: Exchange) -> None:
        """Go on with a request that waited for credentials; nothing happens if its caller has gone."""

@final
class Caller:
    """The requests of one caller, of one priority, that wait. Made by a `GatewayService` only."""

@final
class Line:
    """The requests of a group that wait in this worker. Made by a `GatewayService` only."""

@final
class Waker:
    """Another worker's word that something ended which requests here wait for. Made by a `GatewayService` only."""

@final
class HeldTexts:
    """A JSON body taken apart: what others have in common with it, and its own texts, by their number."""

    # With marks in place of the texts.
    skeleton: bytes
    # Of an answer: JSON of `usage` and `created`, and the id behind its prefix; b"": not there.
    usage: bytes
    created: bytes
    name: bytes
    # Of a request: numbers of the texts that name users and sessions. Not every dialect says them.
    names: list[int]

    def __len__(self) -> int: ...
    def fill(self, pieces: tuple[bytes, ...], gaps: tuple[int, ...], others: list[bytes]) -> bytes:
        """Return *pieces* with a text between any two: gaps[n] is the number of the one behind piece n; behind the last come *others*."""

def hold_texts(body: bytes, mark: bytes) -> HeldTexts | None:
    """Return a request's JSON with *mark* and six digits for each text, and for what names users and sessions; None if it has none."""

def hold_answer(body: bytes, mark: bytes, moment: bytes) -> HeldTexts | None:
    """Return an answer's JSON without what differs between answers of one form; None if it cannot be told apart, or is no JSON.

    Texts are held as by `hold_texts`, behind its prefix the id is *mark* and 999999, each number of `usage` is 0, `created` is *moment*.
    """

# --- seen, but made by the core alone

@disjoint_base
class Watched:
    """A descriptor that a Poller watches."""

@disjoint_base
class Connection(Watched):
    """A socket in non-blocking mode."""

@final
class ClientConnection(Connection):
    """A caller's connection."""

@final
class UpstreamConnection(Connection):
    """A connection to a provider."""

@final
class Tls:
    """One connection's TLS session."""

    def __init__(self, context: SSLContext, server_hostname: str) -> None: ...
