"""What a provider is sent for a caller's body: the body with its model replaced, and `include_usage` asked for in a stream."""

from typing import Literal

from tests.oracle.json_text import Edit, Member, Token, apply, is_valid, members_of, text_of, tokens_of

# The body is refused with this status.
Refusal = Literal[400, 404]


def sent_on(body: bytes, names: dict[str, bytes], *, usage_option: bool) -> tuple[bytes, bool, bool] | Refusal:
    """Return the upstream's body, whether it streams, and whether usage was asked for on the caller's behalf; or the refusal.

    *names*: the model as the caller names it -> the inside of the JSON string that the provider gets.
    """
    if not is_valid(body):
        return 400
    tokens = tokens_of(body)
    assert tokens
    if tokens[0].text != b"{":
        return 400
    members = members_of(tokens)
    watched = [one.key for one in members if one.key in {"model", "stream", "stream_options"}]
    if len(watched) != len(set(watched)):
        return 400
    top = {one.key: one for one in members}
    options = top.get("stream_options")
    inner = members_of(options.value) if options is not None and options.first == b"{" else None
    if inner is not None and sum(one.key == "include_usage" for one in inner) > 1:
        return 400
    model = top.get("model")
    if model is None or not model.first.startswith(b'"'):
        return 400
    name = text_of(model.first)
    if any("\ud800" <= character <= "\udfff" for character in name):
        return 400  # no UTF-8 text: nobody can be called so
    if name not in names:
        return 404
    streams = "stream" in top and top["stream"].first == b"true"
    edits = [Edit(model.at + 1, model.end - 1, names[name])]
    asked = usage_edit(tokens, options, inner) if streams and usage_option else None
    return apply(body, edits + ([asked] if asked else [])), streams, asked is not None


def usage_edit(tokens: list[Token], options: Member | None, inner: list[Member] | None) -> Edit | None:
    """Return the edit that asks for usage; None if the caller asked already, or asked for what is none of it."""
    if options is None:
        return Edit(tokens[-1].at, tokens[-1].at, b',"stream_options":{"include_usage":true}')
    if inner is None:
        return Edit(options.at, options.end, b'{"include_usage":true}') if options.first == b"null" else None
    for one in inner:
        if one.key == "include_usage":
            return Edit(one.at, one.end, b"true") if one.first in {b"false", b"null"} else None
    return Edit(options.at + 1, options.at + 1, b'"include_usage":true' + (b"," if inner else b""))
