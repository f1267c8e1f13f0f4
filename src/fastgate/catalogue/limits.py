"""Longest answers of models that have to be told one: what the prices' data does not say, for providers that demand max_tokens."""

# Part of a model's name -> tokens; the first that occurs counts. From platform.claude.com/docs/en/models/<model>/overview ("Max output"),
# and for the 4.6 to 4.8 models effect-ts/effect, @effect/ai-anthropic 4.0.0-beta.106, both read 2026-11-24.
_OUTPUT_LIMITS: tuple[tuple[str, int], ...] = (
    ("claude-3-5", 8192),
    ("claude-3-7", 64_000),
    ("claude-3", 4096),
    ("claude-2", 4096),
    ("claude-instant", 4096),
    ("opus-4-1", 32_000),
    ("opus-4-2025", 32_000),
    ("sonnet-4-2025", 64_000),
    ("opus-4-5", 64_000),
    ("sonnet-4-5", 64_000),
    ("haiku-4-5", 64_000),
    ("opus-4-6", 128_000),
    ("opus-4-7", 128_000),
    ("opus-4-8", 128_000),
    ("sonnet-4-6", 128_000),
    ("opus-5", 128_000),
    ("fable-5", 128_000),
)


def output_limit(model: str) -> int | None:
    """Return the most tokens that *model* writes; None if it is not known."""
    name = model.lower().replace(".", "-").replace("@", "-")
    return next((limit for part, limit in _OUTPUT_LIMITS if part in name), None)
