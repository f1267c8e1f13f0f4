"""How much to think, in the four ways in which providers of this dialect are told."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from fastgate.providers.provider import Quirks
from fastgate.translate.conversation import Reasoning
from fastgate.translate.losses import Losses


def write_reasoning(body: dict[str, Any], reasoning: Reasoning, quirks: Quirks, losses: Losses) -> None:
    """Put into the body how much to think, if the caller said it."""
    effort, budget = reasoning.effort, reasoning.budget_tokens
    if quirks.reasoning == "object":
        said: dict[str, Any] = {}
        if effort is not None:
            word = _word(effort, quirks, losses)
            said = {"effort": word} if word else {}
        elif budget is not None:
            said = {"max_tokens": budget}
        elif reasoning.adaptive:
            said = {"enabled": True}
        if reasoning.show is False:
            said["exclude"] = True
        if said:
            body["reasoning"] = said
        return
    if effort is None and budget is not None:
        losses.emulate("thinking.budget_tokens")
        effort = "none" if budget == 0 else "low" if budget < 2048 else "medium" if budget < 8192 else "high"
    if effort is not None:
        write_effort(body, effort, quirks, losses)
    elif reasoning.adaptive and quirks.reasoning == "type":
        body["thinking"] = {"type": "enabled"}


def write_effort(body: dict[str, Any], effort: str, quirks: Quirks, losses: Losses) -> None:
    """Put an effort into the body, in the provider's form and words."""
    _WRITERS[quirks.reasoning](body, effort, quirks, losses)


def _word(effort: str, quirks: Quirks, losses: Losses) -> str:
    """Return the provider's word for an effort; "" if it has none."""
    word = quirks.efforts.get(effort, effort)
    if not word:
        losses.drop("reasoning_effort")
    elif word != effort:
        losses.change("reasoning_effort", word)
    return word


def _as_member(body: dict[str, Any], effort: str, quirks: Quirks, losses: Losses) -> None:
    word = _word(effort, quirks, losses)
    if word:
        body["reasoning_effort"] = word


def _as_object(body: dict[str, Any], effort: str, quirks: Quirks, losses: Losses) -> None:
    word = _word(effort, quirks, losses)
    if word:
        body["reasoning"] = {"effort": word}


def _as_type(body: dict[str, Any], effort: str, quirks: Quirks, losses: Losses) -> None:
    """{type: enabled | disabled}, and how much beside it only if the provider has words for that."""
    body["thinking"] = {"type": "disabled" if effort == "none" else "enabled"}
    if effort == "none":
        return
    if quirks.efforts:
        _as_member(body, effort, quirks, losses)
    else:
        losses.change("reasoning_effort", "enabled")


def _not_at_all(body: dict[str, Any], effort: str, quirks: Quirks, losses: Losses) -> None:
    if effort != "none":
        losses.drop("reasoning_effort")


_WRITERS: Mapping[str, Callable[[dict[str, Any], str, Quirks, Losses], None]] = MappingProxyType(
    {"effort": _as_member, "object": _as_object, "type": _as_type, "none": _not_at_all}
)
