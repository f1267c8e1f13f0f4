"""ChatRequest -> the body of a request for messages."""

from operator import attrgetter
from typing import Any

from fastgate.translate.anthropic_messages.blocks_out import Block, Writer
from fastgate.translate.anthropic_messages.build_messages import System, build_messages, build_system, check_ends, lacks_thoughts
from fastgate.translate.anthropic_messages.build_thinking import Thought, plan_thinking
from fastgate.translate.anthropic_messages.build_tools import build_answer_format, build_choice, build_tools
from fastgate.translate.anthropic_messages.generations import Generation, generation_of
from fastgate.translate.anthropic_messages.parse_request import parse_thinking
from fastgate.translate.anthropic_messages.words import (
    DEFAULT_MAX_TOKENS,
    DIALECT,
    HARMLESS_MEMBERS,
    MAX_CACHE_MARKS,
    OWN_MEMBERS,
    TIERS_OUT,
)
from fastgate.translate.conversation import ChatRequest, Reasoning
from fastgate.translate.losses import Losses
from fastgate.translate.quirks import fit_members
from fastgate.translate.target import Asked, Target

Body = dict[str, Any]

# Member -> the name that callers of most other dialects have for it.
_SAID = {"stop_sequences": "stop"}


def build_request(request: ChatRequest, target: Target, losses: Losses) -> tuple[Body, Asked]:
    """Return the body, and what the answer's reader must know. Raise NotCarried for what cannot be said."""
    generation = generation_of(target.model)
    own = request.dialect == DIALECT
    writer = Writer(losses, own, unsigned=own and not generation.claude)
    asked = Asked()
    max_tokens = request.max_output_tokens
    if max_tokens is None:
        max_tokens = target.max_output_tokens or DEFAULT_MAX_TOKENS
    # In the order in which a prompt is cached: tools, system, messages.
    tools = build_tools(request, writer, generation)
    system, skip = build_system(request, writer)
    messages = build_messages(request, skip, writer, generation)
    check_ends(messages, writer, target, generation)
    thought = plan_thinking(request.reasoning or _asked_by_name(request), generation, max_tokens, losses)
    # A budget wants the thoughts of a turn whose calls are answered back in front of it; adaptive thinking does not.
    if thought.active and thought.thinking and thought.thinking["type"] == "enabled" and not own and lacks_thoughts(messages):
        losses.drop("reasoning")
        thought = Thought()
    choice = build_choice(request, tools, writer, generation, thought.active)
    answer = build_answer_format(request, tools, writer, generation, thought.active, asked)
    body: Body = {"model": target.model, "max_tokens": max_tokens}
    system = _instruct(system, answer.instruction)
    if system:
        body["system"] = system
    body["messages"] = messages
    if tools:
        body["tools"] = tools
    choice = answer.choice or choice
    if choice:
        body["tool_choice"] = choice
    if request.stream:
        body["stream"] = True
    _add_output(body, thought, answer.layout)
    _add_sampling(body, request, generation, thought, losses)
    _add_rest(body, request, losses)
    _add_extra(body, request, losses)
    if writer.marked:
        _limit_marks(writer.marked, body, losses)
    fit_members((body,), target.quirks, losses, said=_SAID)
    asked.renamed = writer.renamed
    return body, asked


def _asked_by_name(request: ChatRequest) -> Reasoning | None:
    """Return what `thinking` says that a caller of another dialect wrote in this one's words."""
    thinking = request.extra.get("thinking")
    return parse_thinking(thinking) if isinstance(thinking, dict) else None


def _instruct(system: System, instruction: str) -> System:
    if not instruction:
        return system
    if isinstance(system, str):
        return f"{system}\n\n{instruction}" if system else instruction
    return [*system, {"type": "text", "text": instruction}]


def _add_output(body: Body, thought: Thought, layout: Block | None) -> None:
    if thought.thinking is not None:
        body["thinking"] = thought.thinking
    output: Body = {}
    if thought.effort:
        output["effort"] = thought.effort
    if layout is not None:
        output["format"] = layout
    if output:
        body["output_config"] = output


def _add_sampling(body: Body, request: ChatRequest, generation: Generation, thought: Thought, losses: Losses) -> None:
    temperature, top_p, top_k = request.temperature, request.top_p, request.top_k
    if temperature is not None and temperature > 1 and generation.sampling:
        losses.change("temperature", 1)
        temperature = 1.0
    # Thinking goes with temperature 1 alone, with top_p from 0.95 on, and without top_k (/build-with-claude/extended-thinking).
    if temperature is not None and _may(("temperature", temperature, 1), generation.sampling and not thought.active, losses):
        body["temperature"] = temperature
    if top_p is not None:
        beside = "temperature" in body and not generation.both_samplings
        allowed = generation.sampling and not beside and (not thought.active or top_p >= 0.95)
        if _may(("top_p", top_p, 1), allowed, losses):
            body["top_p"] = top_p
    if top_k is not None and _may(("top_k", top_k, None), generation.sampling and not thought.active, losses):
        body["top_k"] = top_k


def _may(said: tuple[str, float, float | None], allowed: bool, losses: Losses) -> bool:
    """Return whether a sampling parameter is sent; one that is left out is named unless it says the default."""
    param, value, default = said
    if allowed or losses.keeps(param):
        return True
    if value != default:
        losses.drop(param)
    return False


def _add_rest(body: Body, request: ChatRequest, losses: Losses) -> None:
    if request.stop:
        # A stop sequence has to hold something else than space.
        stop = [text for text in request.stop if text and not text.isspace()]
        if len(stop) < len(request.stop):
            losses.drop("stop")
        if stop:
            body["stop_sequences"] = stop
    if request.user:
        body["metadata"] = {"user_id": request.user}
    if request.service_tier:
        _add_tier(body, request.service_tier, losses)
    if request.n is not None and request.n > 1:
        losses.refuse("n", "this dialect gives one answer to a request")
    if any(kind != "text" for kind in request.modalities):
        losses.refuse("modalities", "this dialect answers in text")
    if request.seed is not None:
        _drop("seed", request.seed, body, losses)
    for param, read in _DROPPED:
        value = read(request)
        if value:
            _drop(param, value, body, losses)


def _drop(param: str, value: Any, body: Body, losses: Losses) -> None:
    """Leave out a parameter, unless the configuration says that this provider knows it after all."""
    if losses.keeps(param):
        body.setdefault(param, value)
    else:
        losses.drop(param)


def _add_tier(body: Body, tier: str, losses: Losses) -> None:
    sent = TIERS_OUT.get(tier)
    if sent is None:
        losses.drop("service_tier")
        return
    if tier == "flex":
        losses.change("service_tier", sent)
    body["service_tier"] = sent


# Without effect on what the answer means or costs here, or without a word for it. Their empty values say nothing.
_DROPPED = tuple(
    (param, attrgetter(param))
    for param in (
        "presence_penalty",
        "frequency_penalty",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "metadata",
        "verbosity",
        "store",
    )
)


def _add_extra(body: Body, request: ChatRequest, losses: Losses) -> None:
    own = request.dialect == DIALECT
    for member, value in request.extra.items():
        if member == "thinking" and not own:
            continue  # read as `reasoning`
        if member == "output_config" and isinstance(value, dict):
            body[member] = {**value, **body.get(member, {})}
        elif own or member in OWN_MEMBERS or losses.keeps(member):
            body[member] = value
        elif member in HARMLESS_MEMBERS:
            losses.drop(member)
        else:
            losses.unknown(member)


def _limit_marks(marked: list[Block], body: Body, losses: Losses) -> None:
    """Take cache breakpoints off that are too many: the first (shared by many talks) and the last (the longest prefixes) stay."""
    # The top-level cache_control sets one by itself.
    limit = MAX_CACHE_MARKS - ("cache_control" in body)
    if len(marked) <= limit:
        return
    losses.drop("cache_control")
    for block in marked[1 : len(marked) - limit + 1]:
        del block["cache_control"]
