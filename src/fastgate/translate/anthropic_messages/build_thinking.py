"""How much to think, in the words that a generation of models understands."""

from typing import Any

from msgspec import Struct

from fastgate.translate.anthropic_messages.generations import Generation
from fastgate.translate.anthropic_messages.words import BUDGETS, LESS, MIN_BUDGET, effort_of_budget
from fastgate.translate.conversation import Effort, Reasoning
from fastgate.translate.losses import Losses


class Thought(Struct, kw_only=True):
    """What is sent: `thinking`, and `output_config.effort`. *active*: the model is asked to think, which excludes other things."""

    thinking: dict[str, Any] | None = None
    effort: str = ""
    active: bool = False


def plan_thinking(reasoning: Reasoning | None, generation: Generation, max_tokens: int, losses: Losses) -> Thought:
    """Return what says *reasoning* to a model of this generation."""
    if reasoning is None:
        return Thought()
    if reasoning.raw:
        as_said = _keep(reasoning.raw, generation, losses)
        if as_said is not None:
            return as_said
    if reasoning.effort == "none":
        return _turn_off(generation, losses)
    if reasoning.effort is None and reasoning.budget_tokens is None and not reasoning.adaptive:
        return _show_only(reasoning, generation)
    if generation.thinking == "none":
        losses.drop("reasoning")
        return Thought()
    if generation.thinking == "budget" or (generation.thinking == "both" and reasoning.budget_tokens is not None):
        return _plan_budget(reasoning, generation, max_tokens, losses)
    return _plan_adaptive(reasoning, generation, losses)


def _keep(raw: dict[str, Any], generation: Generation, losses: Losses) -> Thought | None:
    """Return what a caller of this dialect said, in its words; None if the model does not take them."""
    thinking, effort = raw.get("thinking"), raw.get("effort", "")
    kind = thinking.get("type") if thinking else None
    if generation.claude:
        # Effort alone does not turn thinking on where it is off.
        if thinking and not _fits(kind, generation):
            return None
        if effort:
            effort = _known_effort(effort, generation, losses) if generation.efforts else _no_effort(losses)
    return Thought(thinking=thinking, effort=effort, active=kind in ("enabled", "adaptive"))


# thinking.type -> generations (by `thinking`) that take it as it is.
_FITTING = {"enabled": ("budget", "both"), "adaptive": ("adaptive", "both")}


def _fits(kind: Any, generation: Generation) -> bool:
    if kind in _FITTING:
        return generation.thinking in _FITTING[kind]
    return bool(kind == generation.off or (kind == "disabled" and generation.off == ""))


def _no_effort(losses: Losses) -> str:
    losses.drop("output_config.effort")
    return ""


def _known_effort(effort: str, generation: Generation, losses: Losses) -> str:
    """Return *effort* in a word that the model knows: the same, or the next one that costs less."""
    known = generation.efforts
    if effort in known:
        return effort
    for less in LESS[effort]:
        if less in known:
            if effort != "minimal":
                losses.change("reasoning_effort", less)
            return less
    return ""


def _turn_off(generation: Generation, losses: Losses) -> Thought:
    if generation.off:
        return Thought(thinking={"type": generation.off})
    if generation.off is None:
        # The model always thinks: the least of it.
        losses.change("reasoning_effort", "low")
        return Thought(effort="low")
    return Thought()


def _show_only(reasoning: Reasoning, generation: Generation) -> Thought:
    """Thoughts are to be shown if there are any: that alone turns nothing on, unless the model thinks anyway."""
    if reasoning.show and generation.thinking == "adaptive" and generation.off != "":
        return Thought(thinking={"type": "adaptive", "display": "summarized"}, active=True)
    return Thought()


def _plan_budget(reasoning: Reasoning, generation: Generation, max_tokens: int, losses: Losses) -> Thought:
    budget = reasoning.budget_tokens
    if budget is None:
        effort: Effort = "medium" if reasoning.effort is None or reasoning.effort == "none" else reasoning.effort
        budget = BUDGETS[effort]
    if max_tokens <= MIN_BUDGET or budget <= 0:
        losses.drop("reasoning")
        return Thought()
    # Half of the cap at most, so that an answer has room behind the thoughts.
    fitting = max(MIN_BUDGET, min(budget, max_tokens // 2) if budget >= max_tokens else budget)
    if fitting != budget:
        losses.change("reasoning", fitting)
    thinking: dict[str, Any] = {"type": "enabled", "budget_tokens": fitting}
    if generation.thinking == "both":
        _set_display(thinking, reasoning)
    return Thought(thinking=thinking, active=True)


def _plan_adaptive(reasoning: Reasoning, generation: Generation, losses: Losses) -> Thought:
    thinking: dict[str, Any] = {"type": "adaptive"}
    _set_display(thinking, reasoning)
    effort = ""
    if reasoning.budget_tokens is not None:
        effort = effort_of_budget(reasoning.budget_tokens)
        losses.change("reasoning", effort)
    elif reasoning.effort is not None:
        effort = _known_effort(reasoning.effort, generation, losses)
    return Thought(thinking=thinking, effort=effort, active=True)


def _set_display(thinking: dict[str, Any], reasoning: Reasoning) -> None:
    if reasoning.show is not None:
        thinking["display"] = "summarized" if reasoning.show else "omitted"
