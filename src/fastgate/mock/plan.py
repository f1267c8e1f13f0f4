"""From a request's bytes to the script that answers them; what can be kept for the next such request is."""

from urllib.parse import unquote

import orjson
from msgspec import Struct

from fastgate.errors import ClientError, GatewayError, InvalidBody, MethodNotAllowed, UnknownPath
from fastgate.mock import anthropic, openai
from fastgate.mock.behaviour import MAX_TOKENS, Behaviour, Range, parse_behaviour, split_model
from fastgate.mock.call import Answer, Call, Dialect, build_ident
from fastgate.mock.faults import apply_faults
from fastgate.mock.form import parse_form
from fastgate.mock.kept import Kept
from fastgate.mock.routes import Route, find_route
from fastgate.mock.script import Script, build_script, draft_answer, draft_events


class Asked(Struct, frozen=True):
    """What of a request decides about its answer."""

    method: bytes
    target: bytes
    x_mock: bytes
    anthropic_version: bytes
    content_type: bytes
    body: bytes


class Plan(Struct, kw_only=True):
    """How requests with the same bytes are answered."""

    script: Script
    # Played instead for this share of the requests; None where no error was asked for.
    failure: Script | None = None
    error_rate: float = 0.0
    # Played when the queue for a slot is full.
    refusal: Script | None = None
    # The model, without its parameters, and how many slots it has; 0: no waiting.
    model: str = ""
    slots: int = 0
    queue: int = 0
    # Whether the same bytes may be answered by this plan again, and which.
    pure: bool = True
    body: bytes = b""


def build_plan(asked: Asked, defaults: Behaviour, kept: Kept) -> Plan:
    """Return the plan for *asked*; a request that a real provider would refuse gets a refusing one."""
    path = unquote(asked.target.split(b"?", 1)[0].decode("latin-1"))
    is_anthropic = bool(asked.anthropic_version) or "/messages" in path
    dialect: Dialect = anthropic if is_anthropic else openai
    # Without x-mock: how an answer is given must not change its words.
    ident = build_ident(asked.method, asked.target, asked.body)
    try:
        found = find_route(path, anthropic_version=is_anthropic)
        if found is None:
            raise UnknownPath(f"no such path here: {path}")
        routes, object_id = found
        route = routes.get(asked.method.decode("latin-1"))
        if route is None:
            raise MethodNotAllowed(f"{path} takes {', '.join(routes)}")
        dialect = route.dialect
        call = _build_call(asked, route, path=path, object_id=object_id, defaults=defaults, kept=kept, ident=ident)
        dialect.check_call(call)
        try:
            return _plan_call(call, route)
        except orjson.JSONEncodeError as error:  # orjson reads deeper nesting (1024) than it writes (254)
            raise InvalidBody(f"the body cannot be repeated: {error}") from None
    except GatewayError as error:
        answer = Answer(body=dialect.build_error(error, ident), status=error.status)
        draft = draft_answer(answer, Behaviour(), 0, (dialect.REQUEST_ID, f"req_{ident}"))
        return Plan(script=build_script(draft, 0), pure=False)


def _parse_fields(asked: Asked, route: Route) -> dict[str, object]:
    if route.body == "none":
        return {}
    if route.body == "multipart":
        return parse_form(asked.content_type.decode("latin-1"), asked.body)
    try:
        fields = orjson.loads(asked.body)
    except orjson.JSONDecodeError as error:
        raise InvalidBody(f"the body is not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise InvalidBody("the body is not a JSON object")
    return fields


def _pick(span: Range, ident: str) -> int:
    low, high = span
    return low + int(ident[-8:], 16) % (high - low + 1)


def _limit_of(fields: dict[str, object]) -> int:
    for name in ("max_completion_tokens", "max_output_tokens", "max_tokens"):
        limit = fields.get(name)
        if isinstance(limit, int) and not isinstance(limit, bool):
            if limit < 1:
                raise ClientError(f"{name} is {limit}; expected at least 1")
            return limit
    return MAX_TOKENS


def _deployment_of(path: str) -> str:
    """Return the name in an Azure-style path; the body need not repeat it."""
    _, found, rest = path.partition("/openai/deployments/")
    return rest.split("/", 1)[0] if found else ""


def _build_call(asked: Asked, route: Route, *, path: str, object_id: str, defaults: Behaviour, kept: Kept, ident: str) -> Call:
    fields = _parse_fields(asked, route)
    named = fields.get("model")
    model = named if isinstance(named, str) else _deployment_of(path)
    behaviour = parse_behaviour(split_model(model)[1], defaults, separator="&", source="model")
    behaviour = parse_behaviour(asked.x_mock.decode("latin-1"), behaviour)
    limit = _limit_of(fields)
    size_bytes = _pick(behaviour.size_bytes, ident)
    # A body of a wanted size has the tokens that fit in.
    wanted = max(size_bytes // 4, 1) if size_bytes and behaviour.tokens == Behaviour().tokens else _pick(behaviour.tokens, ident)
    return Call(
        operation=route.operation,
        method=asked.method.decode("latin-1"),
        object_id=object_id,
        model=model,
        fields=fields,
        body=asked.body,
        stream=route.streams and fields.get("stream") in (True, "true"),
        prompt_tokens=max(len(asked.body) // 4, 1),
        tokens=min(wanted, limit),
        limited=limit < wanted,
        size_bytes=size_bytes,
        behaviour=behaviour,
        ident=ident,
        kept=kept,
    )


def _plan_call(call: Call, route: Route) -> Plan:
    behaviour, dialect = call.behaviour, route.dialect
    request_id = (dialect.REQUEST_ID, f"req_{call.ident}")
    start_us = behaviour.ttft_us
    if behaviour.prompt_speed:
        start_us += call.prompt_tokens * 1_000_000 // behaviour.prompt_speed
    plan = Plan(
        script=Script([], []),
        model=split_model(call.model)[0],
        slots=behaviour.slots,
        queue=behaviour.queue,
        pure=route.pure,
        body=call.body,
    )
    status = behaviour.status
    if status >= 400 or behaviour.error_rate > 0:
        plan.error_rate = behaviour.error_rate if behaviour.error_rate >= 0 else 1.0
        plan.failure = _build_failure(call, dialect, status if status >= 400 else 500, start_us)
    if behaviour.queue:
        plan.refusal = _build_failure(call, dialect, 503, 0)
    if plan.failure is not None and plan.error_rate >= 1.0:
        plan.script = plan.failure
        return plan
    if call.stream:
        draft = draft_events(dialect.build_events(call), behaviour, start_us, request_id)
    else:
        answer = dialect.build_answer(call)
        if answer.generated:
            start_us += (call.tokens - 1) * behaviour.delay_us
        if 200 <= status < 400:
            answer.status = status
        draft = draft_answer(answer, behaviour, start_us, request_id)
    apply_faults(draft, behaviour)
    plan.script = build_script(draft, behaviour.burst)
    return plan


def _build_failure(call: Call, dialect: Dialect, status: int, start_us: int) -> Script:
    behaviour = call.behaviour
    extra: list[tuple[str, str]] = []
    if behaviour.retry_after_s >= 0:
        # The field has whole seconds only (RFC 9110 10.2.3); the SDKs read milliseconds from a field of their own first.
        extra.append(("retry-after", str(-int(-behaviour.retry_after_s // 1))))
        extra.append(("retry-after-ms", str(round(behaviour.retry_after_s * 1_000))))
    answer = Answer(body=dialect.build_failure(status, call.ident), status=status)
    draft = draft_answer(answer, behaviour, start_us, (dialect.REQUEST_ID, f"req_{call.ident}"), tuple(extra))
    apply_faults(draft, behaviour)
    return build_script(draft, behaviour.burst)
