"""What a generation of Claude models takes and refuses, told by a model's name.

Sources, read 2026-11: platform.claude.com/docs/en/models/{opus-5-5,fable-5-1,haiku-5-5,sonnet-5-5}/..., /build-with-claude/
{adaptive-thinking,effort,structured-outputs,mid-conversation-system-messages}, /about-claude/models/migration-guide, and
langchain-ai/langchainjs @langchain/anthropic 1.5.13 (which models take system messages amid a talk).
"""

from functools import cache
from typing import Literal

from msgspec import Struct


class Generation(Struct, frozen=True, kw_only=True):
    # temperature, top_p, top_k other than their defaults.
    sampling: bool = True
    # temperature and top_p in one request.
    both_samplings: bool = False
    # How thinking is asked for: enabled{budget_tokens}, adaptive (depth by output_config.effort), or either.
    thinking: Literal["none", "budget", "both", "adaptive"] = "budget"
    # thinking.type that turns it off; "" where it is off unless asked for, None where it cannot be turned off.
    off: str | None = ""
    # Words of output_config.effort.
    efforts: frozenset[str] = frozenset()
    # tool_choice any and tool.
    forced_tools: bool = True
    # output_config.format.
    structured: bool = True
    # A trailing assistant message is continued.
    prefill: bool = False
    # The first message has to be the user's.
    user_first: bool = False
    # role system within messages.
    system_turns: bool = True
    # Anthropic's own model: anthropic-version 2026-10-21 is known where it is served.
    claude: bool = True


_TO_HIGH = frozenset({"low", "medium", "high"})
_TO_MAX = _TO_HIGH | {"xhigh", "max"}

_CLAUDE_3 = Generation(thinking="none", both_samplings=True, structured=False, prefill=True, user_first=True, system_turns=False)
_CLAUDE_4 = Generation(structured=False, prefill=True, user_first=True, system_turns=False)
_CLAUDE_4_5 = Generation(prefill=True, user_first=True, system_turns=False)
# Effort beside the budget (/build-with-claude/effort); of the 4.5 models this one alone.
_OPUS_4_5 = Generation(efforts=_TO_HIGH, prefill=True, user_first=True, system_turns=False)
_CLAUDE_4_6 = Generation(thinking="both", efforts=_TO_HIGH, system_turns=False)
_OPUS_4_6 = Generation(thinking="both", efforts=_TO_HIGH | {"max"}, system_turns=False)
_CLAUDE_4_7 = Generation(sampling=False, thinking="adaptive", efforts=_TO_MAX, system_turns=False)
_MYTHOS_PREVIEW = Generation(sampling=False, thinking="adaptive", off=None, efforts=_TO_MAX, system_turns=False)
_CLAUDE_4_8 = Generation(sampling=False, thinking="adaptive", efforts=_TO_MAX)
# Thinking is on unless turned off.
_CLAUDE_5 = Generation(sampling=False, thinking="adaptive", off="disabled", efforts=_TO_MAX)
_SONNET_5_5 = Generation(sampling=False, thinking="adaptive", off="between_tools", efforts=_TO_MAX, forced_tools=False)
_ALWAYS = Generation(sampling=False, thinking="adaptive", off=None, efforts=_TO_MAX)
_ALWAYS_FREE = Generation(sampling=False, thinking="adaptive", off=None, efforts=_TO_MAX, forced_tools=False)
# Other vendors' models behind this dialect: the oldest form of everything, and what does not exist elsewhere in other words.
_FOREIGN = Generation(both_samplings=True, structured=False, prefill=True, system_turns=False, claude=False)

# Part of a model's name -> generation, the first that occurs counts. Names come as claude-opus-4-6, anthropic.claude-opus-4-6-v1:0,
# claude-sonnet-4-5@20250929, anthropic/claude-opus-4.6; 3 and older have the number before the family: claude-3-5-sonnet.
_GENERATIONS: tuple[tuple[str, Generation], ...] = (
    ("claude-instant", _CLAUDE_3),
    ("claude-2", _CLAUDE_3),
    ("claude-3-7", _CLAUDE_4),
    ("claude-3", _CLAUDE_3),
    ("opus-5-5", _ALWAYS_FREE),
    ("sonnet-5-5", _SONNET_5_5),
    ("mythos-preview", _MYTHOS_PREVIEW),
    ("opus-4-8", _CLAUDE_4_8),
    ("opus-4-7", _CLAUDE_4_7),
    ("opus-4-6", _OPUS_4_6),
    ("sonnet-4-6", _CLAUDE_4_6),
    ("haiku-4-6", _CLAUDE_4_6),
    ("opus-4-5", _OPUS_4_5),
    ("sonnet-4-5", _CLAUDE_4_5),
    ("haiku-4-5", _CLAUDE_4_5),
    ("opus-4", _CLAUDE_4),
    ("sonnet-4", _CLAUDE_4),
    ("fable-5-1", _ALWAYS_FREE),
    ("fable-5-2", _ALWAYS_FREE),
    ("mythos-5-1", _ALWAYS_FREE),
    ("mythos-5-2", _ALWAYS_FREE),
    ("fable", _ALWAYS),
    ("mythos", _ALWAYS),
    ("opus-5", _CLAUDE_5),
    ("sonnet-5", _CLAUDE_5),
    ("haiku-5", _CLAUDE_5),
    # What is newer than this table is taken for the newest: what that refuses is left out.
    ("claude", _ALWAYS_FREE),
)


# Models are those of the configuration.
@cache
def generation_of(model: str) -> Generation:
    """Return what *model* takes and refuses; a name that is not Claude's is another vendor's model."""
    name = model.lower().replace(".", "-").replace("@", "-")
    for part, generation in _GENERATIONS:
        if part in name:
            return generation
    return _FOREIGN
