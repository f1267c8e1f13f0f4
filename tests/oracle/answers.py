"""What a caller gets for a provider's answer: the model's name is the caller's, everything else is the provider's bytes."""

from tests.oracle.json_text import Edit, Member, Token, is_valid, members_of, tokens_of

# Names of the same number in the dialects.
_COUNTERS = {
    "input_tokens": "input_tokens",
    "prompt_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "completion_tokens": "output_tokens",
    "cached_tokens": "cache_read_tokens",
    "cache_read_input_tokens": "cache_read_tokens",
    "cache_creation_input_tokens": "cache_write_tokens",
}
Usage = dict[str, int]


def levels(text: bytes) -> list[list[Member]]:
    """Return the objects of a JSON text that are looked at: the text itself, and what is under `message` or `response` in it."""
    tokens = tokens_of(text) if is_valid(text) else None
    if not tokens or tokens[0].text != b"{":
        return []
    top = members_of(tokens)
    return [top, *(members_of(one.value) for one in top if one.key in {"message", "response"} and one.first == b"{")]


def renames(text: bytes, name: bytes) -> list[Edit]:
    """Return the edits that give every model of *text* the *name*, the inside of a JSON string; none if it is no JSON."""
    watched = [one for level in levels(text) for one in level]
    return [Edit(one.at + 1, one.end - 1, name) for one in watched if one.key == "model" and one.first.startswith(b'"')]


def note_usage(text: bytes, usage: Usage) -> None:
    """Bring *usage* up to date with what *text* says of it, in the order in which it is said."""
    found = [one for level in levels(text) for one in level if one.key == "usage" and one.first == b"{"]
    for one in sorted(found, key=lambda member: member.at):
        note_counters(one.value, usage)


def note_counters(tokens: list[Token], usage: Usage) -> None:
    for one in members_of(tokens):
        if one.key in _COUNTERS:
            usage[_COUNTERS[one.key]] = int(one.first) if one.first.isdigit() else 0
        elif one.first == b"{":
            note_counters(one.value, usage)


def is_usage_event(text: bytes) -> bool:
    """Return whether *text* is the chunk that `include_usage` brings: usage, and no choice."""
    found = levels(text)
    if not found:
        return False
    has_usage = any(one.key == "usage" and one.first == b"{" for one in found[0])
    return has_usage and any(one.key == "choices" and [token.text for token in one.value] == [b"[", b"]"] for one in found[0])
