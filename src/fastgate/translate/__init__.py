"""Wire formats: one module per dialect, with the same functions under the same names."""

from types import MappingProxyType

from fastgate.translate import anthropic_messages, openai_chat, openai_responses

DIALECTS = MappingProxyType(
    {"openai_chat": openai_chat, "openai_responses": openai_responses, "anthropic_messages": anthropic_messages}
)
