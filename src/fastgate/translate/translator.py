"""What the gateway asks for: a request of one dialect put into the words of a deployment's, or what it becomes without asking."""

from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from typing import Any

import orjson

from fastgate._core import Exchange, Group, HeldTexts, hold_texts
from fastgate.catalogue.fits import Excess, fits, lacks
from fastgate.catalogue.model import Model
from fastgate.errors import GatewayError
from fastgate.translate import CALLERS, UPSTREAMS
from fastgate.translate.conversation import ChatRequest
from fastgate.translate.defaults import fill_body, fill_embeddings, fill_request
from fastgate.translate.losses import InvalidRequest, Losses, warning_fields
from fastgate.translate.openai_chat.quirks import apply_quirks
from fastgate.translate.plan import Plan, Plans, make_plan
from fastgate.translate.recall import Recall
from fastgate.translate.rewrite import add_extra, drop_members
from fastgate.translate.speech import Speech
from fastgate.translate.target import Naming
from fastgate.translate.texts import CARRYING, Mislaid
from fastgate.translate.tokens import estimate_tokens, needs_of
from fastgate.translate.translation import Translation
from fastgate.translate.whole import CountTranslation, EmbeddingTranslation, Whole

# An error's code, message and parameter.
Refusal = tuple[str, str, str | None]


class Translator:
    """*clock* tells seconds of the epoch. *mark* is known to nobody else: it stands where texts are held."""

    def __init__(self, clock: Callable[[], float], mark: bytes) -> None:
        self._clock = clock
        self._mark = mark
        self._plans = Plans()
        self._recall = Recall()

    def translate(self, exchange: Exchange) -> Translation | Whole | bytes | Refusal:
        """Return the translation of a request; bytes if that is its answer already, or why it is refused."""
        text = exchange.body_bytes
        naming = partial(_name, exchange.path_model or exchange.model or b"", exchange.request_id, self._clock)
        speech = _speech(exchange)
        operation = exchange.operation
        if operation.kind == "chat" and operation.dialect in CARRYING and speech.target.dialect in CARRYING:
            held = hold_texts(text, self._mark)
            if held is not None:
                key = (id(speech), operation.name, exchange.path_model or exchange.model or b"", held.skeleton)
                plan = self._plans.find(key)
                try:
                    if plan is None:
                        plan, recalled = self._plan(exchange, speech, held)
                        if not recalled:
                            self._plans.keep(key, plan)
                    body = held.fill(plan.body.pieces, plan.body.gaps, [])
                    return Translation(CALLERS[operation.dialect], plan, body, speech, naming, self._clock, self._recall)
                except (GatewayError, Mislaid):
                    # Said again below with the texts in it, so that an error tells what stands there.
                    pass
        try:
            return self._translate(exchange, speech, naming, text)
        except GatewayError as error:
            return error.code, error.message, getattr(error, "param", None) or None

    def _plan(self, exchange: Exchange, speech: Speech, held: HeldTexts) -> tuple[Plan, bool]:
        """Return what a chat request becomes, and whether something came into it that its caller did not say."""
        request, losses = _read(exchange, speech, held.skeleton)
        recalled = self._recall.restore(request)
        return make_plan(CALLERS[exchange.operation.dialect], request, speech, losses, self._mark, held), recalled

    def _translate(self, exchange: Exchange, speech: Speech, naming: Callable[[], Naming], text: bytes) -> Translation | Whole | bytes:
        operation = exchange.operation
        caller = CALLERS[operation.dialect]
        upstream = UPSTREAMS[speech.target.dialect]
        if operation.kind == "embeddings":
            body, losses = _body(text, speech)
            asked = caller.parse_embedding_request(body, operation.name)
            fill_embeddings(asked, speech.rewrites.defaults)
            return EmbeddingTranslation(caller, asked, speech, upstream, losses, naming())
        request, losses = _read(exchange, speech, text)
        if operation.kind == "chat":
            if not request.turns and hasattr(caller, "build_loaded"):
                # Ollama's way to have a model loaded: there is nothing to ask a provider.
                loaded: bytes = caller.build_loaded(request, naming())
                return loaded
            self._recall.restore(request)
            plan = make_plan(caller, request, speech, losses)
            return Translation(caller, plan, plan.body.pieces[0], speech, naming, self._clock, self._recall)
        if "count_tokens" in upstream.PATHS:
            return CountTranslation(caller, request, speech, upstream, losses)
        estimated: bytes = caller.build_count_answer(estimate_tokens(request))
        return estimated

    def check(self, exchange: Exchange, group: Group) -> Group | Refusal:
        """Return the group without the deployments that a request does not fit, as far as their models are known; why, if none is left.

        LiteLLM's enable_pre_call_checks. A body that cannot be read is left to what reads it next.
        """
        caller = CALLERS[exchange.operation.dialect]
        try:
            request = caller.parse_request(_parse(exchange.body_bytes), exchange.operation.name)
        except GatewayError:
            return group
        tokens, needs = estimate_tokens(request), needs_of(request)
        left, reasons = [], []
        for deployment in group.deployments:
            model: Model = deployment.speech.model
            excess = fits(model, tokens, request.max_output_tokens or 0)
            missing = lacks(model, needs)
            if excess is None and not missing:
                left.append(deployment)
            else:
                reasons.append((excess, missing))
        if len(left) == len(group.deployments):
            return group
        if left:
            return group.of(left)
        return _explain(group, reasons)

    def change(self, exchange: Exchange) -> tuple[bytes, bytes] | Refusal:
        """Return the body of a request of the deployment's own dialect as its provider and the configuration want it, and what it lost."""
        speech = _speech(exchange)
        try:
            body, losses = _body(exchange.body_bytes, speech)
            fill_body(body, exchange.operation.dialect, exchange.operation.kind, speech.rewrites.defaults)
            if speech.target.dialect == "openai_chat" and exchange.operation.kind == "chat":
                body = apply_quirks(body, speech.target, losses)
        except GatewayError as error:
            return error.code, error.message, getattr(error, "param", None) or None
        add_extra(body, speech.rewrites.extra_body)
        return orjson.dumps(body), warning_fields(losses)


def _name(model: bytes, request_id: bytes, clock: Callable[[], float]) -> Naming:
    return Naming(model=model.decode("utf-8", "replace"), seed=blake2b(request_id, digest_size=12).hexdigest(), now=int(clock()))


def _body(text: bytes, speech: Speech) -> tuple[dict[str, Any], Losses]:
    """Return a request's body without what does not go upstream, and the account of what it loses."""
    body = _parse(text)
    losses = speech.losses(body)
    drop_members(body, speech.rewrites)
    return body, losses


def _read(exchange: Exchange, speech: Speech, text: bytes) -> tuple[ChatRequest, Losses]:
    body, losses = _body(text, speech)
    operation = exchange.operation
    name = operation.name
    if exchange.query and operation.streams and b"alt=sse" in exchange.query.split(b"&"):
        # Google's streams are server-sent events only if asked for by this parameter.
        name = f"{name}_sse"
    request = CALLERS[operation.dialect].parse_request(body, name)
    if speech.defaults is not None:
        fill_request(request, speech.defaults)
    return request, losses


def _explain(group: Group, reasons: list[tuple[Excess | None, list[str]]]) -> Refusal:
    """Return the refusal of a request that fits no deployment of a group: a capability that all lack, or the widest limit."""
    name = group.name.decode()
    missing = [need for _, missing in reasons for need in missing]
    over = [excess for excess, _ in reasons if excess is not None]
    if not over:
        return "unsupported_parameter", f'model "{name}" cannot do what the request asks for: {", ".join(dict.fromkeys(missing))}', None
    widest = max(over, key=lambda excess: excess.allowed)
    if widest.limit == "context_window":
        message = f'the prompt has some {widest.asked} tokens, and the context window of model "{name}" is {widest.allowed}: shorten it'
        return "context_length_exceeded", message, "messages"
    return (
        "unsupported_parameter",
        f'{widest.asked} output tokens were asked for, and model "{name}" writes at most {widest.allowed}',
        "max_tokens",
    )


def _speech(exchange: Exchange) -> Speech:
    assert exchange.deployment is not None
    speech: Speech = exchange.deployment.speech
    return speech


def _parse(text: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(text or b"{}")
    except orjson.JSONDecodeError as error:
        # The scanner has found it to be JSON: what is left is a lone surrogate.
        raise InvalidRequest("", f"the body cannot be read as text: {error}") from error
    if not isinstance(body, dict):
        raise InvalidRequest("", "the body is not a JSON object")
    return body
