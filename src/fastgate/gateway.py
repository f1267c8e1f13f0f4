"""The gateway: settings bound to the compiled line, and what is not on the hot path: wildcards, errors, local answers."""

import asyncio
import contextlib
import random
import secrets
import socket
import sys
import time
import traceback
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal

from fastgate._core import AccessLog, Exchange, Fleet, GatewayService, Group, Keys, Listener, Operation, Owners, Poller
from fastgate.account.local import LocalAnswers
from fastgate.authenticate.cors import Cors
from fastgate.config.schema import Settings
from fastgate.endpoints import ENDPOINTS
from fastgate.endpoints.endpoint import Endpoint
from fastgate.errors import BY_CODE, CredentialsUnavailable, InternalError, Unauthenticated
from fastgate.frame.paths import Paths
from fastgate.route.explain import RouterExplanation
from fastgate.route.failures import failure
from fastgate.route.fallbacks import Fallbacks, Turn, Wishes, read_wishes
from fastgate.route.groups import Groups
from fastgate.route.shared import Shared
from fastgate.route.shares import Canaries, Mirrors
from fastgate.route.state import RouterState
from fastgate.route.tags import Admission
from fastgate.translate import CALLERS
from fastgate.translate.local_answers import DialectAnswers
from fastgate.translate.speech import speak
from fastgate.translate.translator import Refusal, Translator
from fastgate.upstream.bind import Binder
from fastgate.upstream.refreshing import Refreshing

# Status, content type, body, fields.
Answer = tuple[int, bytes, bytes, bytes]

STDERR_FD = 2
_LAST_LINES_MS = 500
BODIES = {"none": 0, "json": 1, "multipart": 2}


class Gateway:
    """Serves callers on the sockets it is given, with the deployments of *settings*. Raise ConfigError for what cannot be bound."""

    def __init__(
        self,
        settings: Settings,
        poller: Poller,
        loop: asyncio.AbstractEventLoop,
        log_format: Literal["json", "human"] = "json",
        log_fd: int = STDERR_FD,
        shared: Shared | None = None,
        lane: int = 0,
    ) -> None:
        self._settings = settings
        self._poller = poller
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = AccessLog(log_fd, log_format == "human")
        self._listeners: list[Listener] = []
        self._cors = Cors(settings.cors_origins)
        self._translator = Translator(time.time, secrets.token_hex(12).encode())
        # The request in the words of its deployment's dialect, its answer if there is one already, or why it is refused.
        self.translate = self._translator.translate
        self._binder = Binder(settings, poller, loop, speak)
        # All workers' memory; one that is alone has its own.
        shared = shared or Shared(settings)
        self._owners = Owners(shared.owners)
        reliability = settings.reliability
        self.groups = Groups(settings.deployments, self._binder.bind, self._owners, settings.routing, reliability.aliases)
        self._canaries = Canaries(settings.routing.canaries, reliability.aliases, self.groups.find)
        self._mirrors = Mirrors(settings.routing.mirrors, reliability.aliases, self.groups.find)
        self._admission = Admission(settings.deployments, settings.routing.tags)
        self._fallbacks = Fallbacks(reliability, settings.deployments, self.groups.find)
        fleet = shared.fleet(lane, random.SystemRandom().getrandbits(62), settings)
        self._answers = self._local_answers(fleet)
        self._paths = Paths({endpoint: self._operation(index, endpoint) for index, endpoint in enumerate(ENDPOINTS)}, self._cors)
        self._service = self._service_of(settings, shared, fleet)
        only = self.groups.find(settings.only_model.encode()) if settings.only_model else None
        self._service.bind(self._paths.exact, self.groups.exact, only)
        poller.on_exception = self._on_exception
        for pool in self._binder.pools.values():
            pool.warm(settings.upstream.warm_connections)

    def _service_of(self, settings: Settings, shared: Shared, fleet: Fleet) -> GatewayService:
        """Return the compiled line."""
        reliability = settings.reliability
        return GatewayService(
            self._poller,
            None if settings.master_key is None else Keys([settings.master_key.reveal()]),
            self,
            self._log,
            request_prefix=f"req_{secrets.token_hex(6)}".encode(),
            allow_unauthenticated=settings.allow_unauthenticated,
            litellm_headers=settings.litellm_headers,
            cors=bool(settings.cors_origins),
            owners=self._owners,
            checks=settings.pre_call_checks,
            tagged=settings.routing.tags.enabled,
            diverting=bool(settings.routing.canaries),
            mirroring=bool(settings.routing.mirrors),
            copy_limit=settings.routing.mirrors_in_flight,
            timeout_s=reliability.timeout_s,
            backoff_s=reliability.backoff_s,
            backoff_factor=reliability.backoff_factor,
            backoff_limit_s=reliability.backoff_limit_s,
            backoff_least_s=reliability.backoff_least_s,
            backoff_exact=reliability.backoff_exact,
            fleet=fleet,
            mirror=shared.mirror(settings),
            wakers=shared.wakers,
            queue_limit=settings.routing.queue.max_requests,
            queue_s=settings.routing.queue.max_wait_s,
            retry_budget=reliability.retry_budget,
            queue_times=settings.routing.queue.max_wait_times,
            queue_least_s=settings.routing.queue.min_wait_s,
            aging_s=settings.routing.queue.aging_s,
            default_priority=settings.routing.default_priority,
            hedges=(settings.routing.hedging.budget, settings.routing.hedging.after_quantile),
        )

    # --- processes

    def listen(self, sock: socket.socket) -> None:
        """Accept callers from *sock*, which stays its owner's."""
        self._listeners.append(Listener(self._poller, sock, self._service, self._settings.limits))

    def drain(self) -> None:
        """Stop accepting, close idle connections, and let every answer be its connection's last."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        self._service.drain()

    @property
    def active(self) -> int:
        """Open client connections."""
        return self._poller.connections

    def counters(self) -> dict[str, int]:
        """Return the counts of live objects."""
        return self._poller.counters()

    def close(self) -> None:
        """Close everything now."""
        self.drain()
        self._service.abort()
        self._poller.close_connections()
        # The last lines: a reader that lives has this long.
        self._log.flush(_LAST_LINES_MS)

    def flush_log(self) -> None:
        """Write the lines gathered so far."""
        self._log.flush()

    def _on_exception(self, error: BaseException) -> None:
        traceback.print_exception(error, file=sys.stderr)

    # --- what the compiled line asks for

    def find_operation(self, line: bytes) -> tuple[Operation, str, str, bytes | None, bytes | None]:
        """Return the operation of b"METHOD /path", an error's code and message if there is none, and the path's id and model."""
        return self._paths.find(line)

    def operation_of_fault(self, path: bytes) -> Operation:
        """Return an operation of the dialect that a caller of *path* speaks, for an error in it."""
        return self._paths.fault_operation(path)

    def find_group(self, model: bytes) -> Group | None:
        """Return the group that a wildcard makes of *model*, or None."""
        return self.groups.find(model)

    def explain_unknown(self, model: bytes) -> str:
        """Return what to tell a caller whose model nobody serves."""
        return self.groups.explain_unknown(model)

    def explain_mismatch(self, group: Group, operation: Operation) -> str:
        """Return what to tell a caller whose dialect the model's deployments do not speak."""
        return self.groups.explain_mismatch(group, operation)

    def find_owner(self, exchange: Exchange) -> Group | str:
        """Return whom to ask when the request names no model, or what to tell the caller."""
        return self.groups.find_owner(exchange)

    def cors_fields(self, origin: bytes) -> bytes:
        """Return the fields that let a page of *origin* read the answer."""
        return self._cors.answer_fields(origin)

    def render_error(self, exchange: Exchange, code: str, message: str) -> tuple[int, bytes, bytes]:
        """Return status, body and fields of an error answer in the caller's dialect."""
        error = BY_CODE.get(code, InternalError)
        fields = b""
        if error is Unauthenticated:
            message = message or "no valid key was sent; send the gateway's key as `Authorization: Bearer KEY` or `x-api-key: KEY`"
            fields = b'WWW-Authenticate: Bearer realm="fastgate"\r\n'
        if error.status == 503:
            fields = b"Retry-After: %d\r\n" % (exchange.retry_after_s or 1)
        if error.status == 405:
            # RFC 9110 15.5.6: Allow is required; the message ends with the methods.
            fields = f"Allow: {message.rpartition('it takes ')[2]}\r\n".encode()
        body: bytes = CALLERS[exchange.operation.dialect].build_error(error.status, error.kind, code, message, exchange.param or "")
        return error.status, body, fields

    def refusal(self, exchange: Exchange, code: str, message: str) -> Answer:
        """Return an error as an answer of our own."""
        status, body, fields = self.render_error(exchange, code, message)
        return status, b"application/json", body, fields

    def error_event(self, exchange: Exchange, code: str, message: str) -> bytes:
        """Return the event that ends a broken stream."""
        error = BY_CODE.get(code, InternalError)
        if exchange.translation is not None:
            told: bytes = exchange.translation.fail(error.status, error.kind, code, message)
            return told
        event: bytes = CALLERS[exchange.operation.dialect].build_error_event(error.status, error.kind, code, message)
        return event

    def authorize(self, exchange: Exchange) -> str | None:
        """Return None if the deployment's credentials are at hand, "" if the request waits for them, else why there are none."""
        deployment = exchange.deployment
        assert deployment is not None
        source = deployment.credentials
        if source.due():
            # Renewed before they expire, while the present ones serve.
            self._spawn(self._renew(source, exchange if source.current() is None else None))
            return None if source.current() is not None else ""
        if source.current() is not None:
            return None
        return source.failure.message if source.failure is not None else "the credentials have expired"

    async def _renew(self, source: Refreshing[object], waiting: Exchange | None) -> None:
        with contextlib.suppress(CredentialsUnavailable):
            await source.refresh()
        if waiting is not None:
            self._service.resume(waiting)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def read_wishes(self, members: dict[str, bytes]) -> Wishes | Refusal:
        """Return what a body says to the gateway itself, or why it cannot be used. *members*: their JSON by name."""
        return read_wishes(members)

    def failure(self, code: str, status: int, head: bytes, body: bytes) -> tuple[int, int]:
        """Return the class of a failure, and the microseconds that the provider asks to wait."""
        return failure(code, status, head, body)

    def fall_back(self, exchange: Exchange, failure: int) -> Turn | None:
        """Return the group that stands in for the exchange's, and how it is asked."""
        return self._fallbacks.next(exchange, failure)

    def explain(self, exchange: Exchange, operation: Operation, path_model: bytes | None) -> Any:
        """Return where a request of *operation* with the exchange's body would go now, or an error's code, message and parameter."""
        return self._service.explain(exchange, operation, path_model)

    def stand_ins(self, wishes: Wishes | None, name: str, kind: str) -> list[str]:
        """Return the models that would stand in for *name*, in order, after failures of one kind."""
        return self._fallbacks.follow(wishes, name, kind)

    def divert(self, exchange: Exchange, group: Group, account: int) -> Group | None:
        """Return the canary that answers a request for *group*, or None."""
        return self._canaries.divert(exchange, group, account)

    def mirrors(self, group: Group) -> Sequence[Group]:
        """Return who is asked beside *group*, for an answer that is dropped."""
        return self._mirrors.choose(group)

    def admit(self, exchange: Exchange, group: Group) -> Group | Refusal:
        """Return the group without the deployments that the request is not for, or why it is for none."""
        return self._admission.admit(exchange, group)

    def check(self, exchange: Exchange, group: Group) -> Group | Refusal:
        """Return the group without the deployments that the request does not fit, or why it fits none."""
        return self._translator.check(exchange, group)

    def change(self, exchange: Exchange) -> tuple[bytes, bytes] | Refusal:
        """Return the body as the deployment's provider and the configuration want it, and fields that name its losses, or a refusal."""
        return self._translator.change(exchange)

    def _local_answers(self, fleet: Fleet) -> dict[str, Callable[[Exchange], Answer]]:
        """Return what is answered here, by operation."""
        settings = self._settings
        return {
            **LocalAnswers(settings.deployments, settings.listed, self._binder, lambda: self._service.draining).answers,
            **DialectAnswers(settings.listed, int(time.time())).answers,
            **RouterState(settings.deployments, fleet, settings.routing).answers,
            **RouterExplanation(settings.deployments, fleet, self).answers,
        }

    def _operation(self, index: int, endpoint: Endpoint) -> Operation:
        local: Callable[[Exchange], Answer] | None = None
        if not endpoint.target:
            local = self._answers[endpoint.operation]
        return Operation(
            index,
            endpoint.operation,
            endpoint.dialect,
            endpoint.method.encode(),
            target=endpoint.target,
            body=BODIES[endpoint.body],
            streams=endpoint.streams,
            terminates=endpoint.terminates,
            usage_option=endpoint.usage_option,
            id_field=f"{CALLERS[endpoint.dialect].REQUEST_ID_FIELD}: ".encode(),
            local=local,
            public=endpoint.public,
            makes_ids=endpoint.makes_ids,
            needs_model=endpoint.needs_model,
            kind=endpoint.kind,
            opaque=endpoint.opaque,
            stream_default=endpoint.stream_default,
            model_in_path=endpoint.model_in_path,
        )
