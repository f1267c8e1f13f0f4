"""What rows of OpenAI-compatible servers have in common: their differences from OpenAI, and two forms of a row.

Base URLs and names of variables are LiteLLM's (1.109.1, read 2026-11-24), so that its files work as they are. A provider's own page
is named beside its row with the day it was read; a row without a day rests on LiteLLM alone, and claims no quirk beyond COMPATIBLE.
"""

from fastgate.providers.provider import Provider, Quirks

# Of OpenAI's newer parameters these steer OpenAI's own storage, caching and abuse tracking: no effect on the answer's meaning or cost
# elsewhere, and servers that check their input refuse them. Everything else is passed on: the server says what it does not know.
COMPATIBLE = Quirks(
    rename={"max_completion_tokens": "max_tokens"},
    roles={"developer": "system"},
    drop=frozenset(
        (
            "metadata",
            "moderation",
            "prediction",
            "prompt_cache_key",
            "prompt_cache_options",
            "prompt_cache_retention",
            "safety_identifier",
            "store",
        )
    ),
)
# What vLLM, and with it many who run it, samples by beyond OpenAI's parameters.
SAMPLING = frozenset(("top_k", "min_p", "repetition_penalty"))


def hosted(
    *,
    name: str,
    key_env: tuple[str, ...],
    docs: str,
    base_url: str = "",
    base_env: tuple[str, ...] = (),
    needs_key: bool = True,
    quirks: Quirks = COMPATIBLE,
    target: str = "{base}{operation}",
) -> Provider:
    """Return a row for a service that speaks the OpenAI chat dialect and takes a key as bearer."""
    return Provider(
        name=name,
        dialect="openai_chat",
        base_url=base_url,
        key_env=key_env,
        base_env=base_env,
        needs_key=needs_key,
        quirks=quirks,
        target=target,
        docs=docs,
    )


def self_hosted(
    *,
    name: str,
    docs: str,
    base_url: str = "",
    stem: str = "",
    quirks: Quirks = COMPATIBLE,
    target: str = "{base}{operation}",
    responses: bool = False,
) -> Provider:
    """Return a row for a server of the user's own: it takes a key only if it was started with one.

    *stem* begins its variables' names; the name in capitals if not given.
    """
    stem = stem or name.upper()
    return Provider(
        name=name,
        dialect="openai_chat",
        base_url=base_url,
        key_env=(f"{stem}_API_KEY",),
        base_env=(f"{stem}_API_BASE",),
        needs_key=False,
        quirks=quirks,
        target=target,
        responses=responses,
        docs=docs,
    )
