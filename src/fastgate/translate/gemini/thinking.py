"""How much a Gemini model is told to think: a budget of tokens for 2.5, a level from 3 on.

ai.google.dev/gemini-api/docs/thinking, read 2026-11-24.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast, get_args

from fastgate.translate.conversation import Effort, Reasoning
from fastgate.translate.gemini.members import Wrong, expect_boolean, expect_integer, expect_object, expect_text
from fastgate.translate.gemini.words import DIALECT, either
from fastgate.translate.losses import Losses
from fastgate.translate.target import Target

_VERSION = re.compile(r"gemini-(\d{1,2})(?:\.(\d))?")
_EFFORTS = frozenset(get_args(Effort))

_BUDGETS: Mapping[str, int] = MappingProxyType({"none": 0, "minimal": 512, "low": 1024, "medium": 8192, "high": 24576})
# Pro 2.5 cannot stop thinking and thinks up to 32768 tokens; Flash up to 24576.
_PRO_RANGE = (128, 32768)
_FLASH_RANGE = (0, 24576)

_LEVELS: Mapping[str, str] = MappingProxyType(
    {"none": "MINIMAL", "minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "HIGH", "max": "HIGH"}
)
# Callers of these dialects see thoughts although they did not ask for them in so many words.
_SHOW_UNASKED = frozenset({"openai_chat", "anthropic_messages", "ollama", "bedrock", "cohere"})


def generation(model: str) -> int:
    """Return ten times the version of a model: 25, 30, 31; 30 for a Gemini without a number, 0 for every other model."""
    found = _VERSION.search(model)
    if found is None:
        return 30 if "gemini" in model else 0
    return int(found[1]) * 10 + int(found[2] or 0)


def parse_thinking(config: Any) -> Reasoning:
    """Return what a thinkingConfig asks for."""
    value = expect_object(config, "thinkingConfig")
    reasoning = Reasoning()
    show = either(value, "includeThoughts", "include_thoughts")
    if show is not None:
        reasoning.show = expect_boolean(show, "thinkingConfig.includeThoughts")
    level = either(value, "thinkingLevel", "thinking_level")
    if level is not None:
        effort = expect_text(level, "thinkingConfig.thinkingLevel").lower()
        if effort in _EFFORTS:
            reasoning.effort = cast(Effort, effort)
        elif effort != "thinking_level_unspecified":
            raise Wrong("thinkingConfig.thinkingLevel", "must be MINIMAL, LOW, MEDIUM, HIGH or XHIGH")
        return reasoning
    budget = either(value, "thinkingBudget", "thinking_budget")
    if budget is not None:
        tokens = expect_integer(budget, "thinkingConfig.thinkingBudget")
        if tokens > 0:
            reasoning.budget_tokens = tokens
        elif tokens == 0:
            reasoning.effort = "none"
        else:
            # -1: as the model likes.
            reasoning.adaptive = True
    return reasoning


def build_thinking(reasoning: Reasoning, dialect: str, target: Target, losses: Losses) -> dict[str, Any] | None:
    """Return the thinkingConfig for *target*'s model; None if there is nothing to say. *dialect* is the caller's."""
    version = generation(target.model)
    if 0 < version < 25:
        losses.drop("reasoning_effort")
        return None
    config = _budget(reasoning, dialect, target.model, losses) if 0 < version < 30 else _level(reasoning, dialect, target, losses)
    thinks = reasoning.effort not in (None, "none") or reasoning.budget_tokens or reasoning.adaptive
    if reasoning.show is not None:
        config["includeThoughts"] = reasoning.show
    elif reasoning.summary or (thinks and dialect in _SHOW_UNASKED):
        config["includeThoughts"] = True
    return config or None


def _budget(reasoning: Reasoning, dialect: str, model: str, losses: Losses) -> dict[str, Any]:
    low, high = _PRO_RANGE if "pro" in model else _FLASH_RANGE
    if reasoning.budget_tokens is not None:
        wanted = reasoning.budget_tokens
        if dialect == DIALECT:
            return {"thinkingBudget": wanted}
    elif reasoning.effort is not None:
        wanted = _BUDGETS.get(reasoning.effort, high)
    else:
        return {"thinkingBudget": -1} if reasoning.adaptive else {}
    budget = min(max(wanted, low), high)
    if budget != wanted:
        losses.change("thinkingBudget", budget)
    return {"thinkingBudget": budget}


def _level(reasoning: Reasoning, dialect: str, target: Target, losses: Losses) -> dict[str, Any]:
    effort: str | None = reasoning.effort
    budget = reasoning.budget_tokens
    if budget is not None:
        if dialect == DIALECT:
            # Still read by Gemini 3, though levels are preferred there.
            return {"thinkingBudget": budget}
        effort = "low" if budget < 2048 else "medium" if budget < 8192 else "high"
    if effort is None:
        return {}
    own = target.quirks.efforts.get(effort)
    if own is not None:
        return {"thinkingLevel": own}
    level = _LEVELS[effort]
    if level == "MINIMAL" and "pro" in target.model:
        level = "LOW"
    if level.lower() != effort:
        losses.change("reasoning_effort", level.lower())
    return {"thinkingLevel": level}
