"""Log probabilities in the form of /v1/completions."""

from typing import Any


def legacy_logprobs(logprobs: dict[str, Any], offset: int) -> dict[str, Any] | None:
    """Return chat's log probabilities in the deprecated form; *offset* is where their text begins, in characters."""
    content = logprobs.get("content")
    if not isinstance(content, list):
        return None
    tokens: list[str] = []
    own: list[Any] = []
    tops: list[dict[str, Any]] = []
    offsets: list[int] = []
    for entry in content:
        if not isinstance(entry, dict) or not isinstance(token := entry.get("token"), str):
            continue
        tokens.append(token)
        own.append(entry.get("logprob"))
        offsets.append(offset)
        offset += len(token)
        ranked = entry.get("top_logprobs")
        rows = [row for row in ranked if isinstance(row, dict)] if isinstance(ranked, list) else []
        tops.append({str(row.get("token")): row.get("logprob") for row in rows})
    return {"tokens": tokens, "token_logprobs": own, "top_logprobs": tops, "text_offset": offsets}
