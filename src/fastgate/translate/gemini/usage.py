"""usageMetadata: what its counters mean, and how they are written."""

from typing import Any

from fastgate.translate.answer import Usage
from fastgate.translate.gemini.words import either


def parse_usage(value: Any) -> Usage | None:
    """Return the usage of an answer so far; None if it tells none. Candidates exclude thoughts, the prompt includes what was cached."""
    if type(value) is not dict:
        return None
    thoughts = _count(value, "thoughtsTokenCount")
    return Usage(
        input_tokens=_count(value, "promptTokenCount") + _count(value, "toolUsePromptTokenCount"),
        cache_read_tokens=_count(value, "cachedContentTokenCount"),
        output_tokens=_count(value, "candidatesTokenCount") + thoughts,
        reasoning_tokens=thoughts,
        audio_input_tokens=_audio(value.get("promptTokensDetails")),
        audio_output_tokens=_audio(value.get("candidatesTokensDetails")),
    )


def _count(value: dict[str, Any], name: str) -> int:
    count = value.get(name)
    return count if type(count) is int and count > 0 else 0


def _audio(details: Any) -> int:
    if type(details) is not list:
        return 0
    return sum(_count(entry, "tokenCount") for entry in details if type(entry) is dict and entry.get("modality") == "AUDIO")


def build_usage(usage: Usage) -> dict[str, Any]:
    """Return usageMetadata."""
    answered = max(usage.output_tokens - usage.reasoning_tokens, 0)
    wire: dict[str, Any] = {"promptTokenCount": usage.input_tokens, "candidatesTokenCount": answered}
    if usage.cache_read_tokens:
        wire["cachedContentTokenCount"] = usage.cache_read_tokens
    if usage.reasoning_tokens:
        wire["thoughtsTokenCount"] = usage.reasoning_tokens
    wire["totalTokenCount"] = usage.input_tokens + answered + usage.reasoning_tokens
    for name, tokens, whole in (
        ("promptTokensDetails", usage.audio_input_tokens, usage.input_tokens),
        ("candidatesTokensDetails", usage.audio_output_tokens, answered),
    ):
        if tokens:
            rest = [{"modality": "TEXT", "tokenCount": whole - tokens}] if whole > tokens else []
            wire[name] = [*rest, {"modality": "AUDIO", "tokenCount": tokens}]
    return wire


def parse_logprobs(value: Any) -> dict[str, Any] | None:
    """Return OpenAI's logprobs for a logprobsResult; None if it holds none."""
    chosen = either(value, "chosenCandidates", "chosen_candidates") if type(value) is dict else None
    if type(chosen) is not list:
        return None
    tops = value.get("topCandidates")
    content = []
    for at, candidate in enumerate(chosen):
        if type(candidate) is dict:
            entry = _token(candidate)
            top = tops[at].get("candidates") if type(tops) is list and at < len(tops) and type(tops[at]) is dict else None
            entry["top_logprobs"] = [_token(other) for other in top if type(other) is dict] if type(top) is list else []
            content.append(entry)
    return {"content": content, "refusal": None}


def _token(candidate: dict[str, Any]) -> dict[str, Any]:
    token = candidate.get("token")
    text = token if type(token) is str else ""
    logprob = candidate.get("logProbability")
    return {"token": text, "logprob": logprob if type(logprob) in (int, float) else 0.0, "bytes": list(text.encode())}


def build_logprobs(logprobs: dict[str, Any]) -> dict[str, Any] | None:
    """Return a logprobsResult for OpenAI's logprobs."""
    content = logprobs.get("content")
    if type(content) is not list:
        return None
    entries = [entry for entry in content if type(entry) is dict]
    tops = [entry.get("top_logprobs") or [] for entry in entries]
    wire: dict[str, Any] = {"chosenCandidates": [_candidate(entry) for entry in entries]}
    if any(tops):
        wire["topCandidates"] = [{"candidates": [_candidate(other) for other in top if type(other) is dict]} for top in tops]
    return wire


def _candidate(entry: dict[str, Any]) -> dict[str, Any]:
    return {"token": entry.get("token"), "logProbability": entry.get("logprob")}
