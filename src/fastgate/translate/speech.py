"""How one deployment is spoken to in its own dialect: bound once at start."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from fastgate.catalogue.model import Model
from fastgate.catalogue.override import describe
from fastgate.config.schema import Deployment, Rewrites
from fastgate.providers.provider import Provider
from fastgate.translate import UPSTREAMS
from fastgate.translate.conversation import ChatRequest
from fastgate.translate.defaults import parse_defaults
from fastgate.translate.dialect import UpstreamDialect
from fastgate.translate.losses import Losses
from fastgate.translate.openai_chat.quirks import needs_quirks
from fastgate.translate.target import Target

BuildHead = Callable[[str, bytes, tuple[tuple[str, str], ...]], bytes]


class Speech(Struct, frozen=True, kw_only=True):
    """One deployment as translations see it."""

    target: Target
    # What the catalogue and `model_info` know of it.
    model: Model
    dialect: UpstreamDialect
    rewrites: Rewrites
    # What `rewrites.defaults` say of a chat; None: nothing.
    defaults: ChatRequest | None = None
    # Makes the head of a request up to Content-Length: of what follows the base URL, the body and fields of this request.
    build_head: BuildHead
    # Fields that depend on what the body asks for, such as anthropic-version.
    version_fields: Callable[[dict[str, Any], Target], tuple[tuple[str, str], ...]] | None = None

    def fields(self, body: dict[str, Any]) -> tuple[tuple[str, str], ...]:
        """Return the fields that this body needs."""
        return () if self.version_fields is None else self.version_fields(body, self.target)

    def losses(self, body: Mapping[str, Any]) -> Losses:
        """Return an empty account of what a request loses; a caller may say `drop_params` in its body."""
        wanted = body.get("drop_params")
        drop = wanted if isinstance(wanted, bool) else self.rewrites.drop_params
        return Losses(self.target.dialect, drop_params=drop, allowed=self.rewrites.allowed_openai_params)


class Spoken(Struct, frozen=True):
    """What the compiled line keeps of a deployment."""

    # Kinds of operation that it can be asked for in other words than the caller's.
    kinds: tuple[str, ...]
    speech: Speech
    # Bytes one of which stands in a body of its own dialect that has to be changed; b"" stands in every one.
    changed_for: tuple[bytes, ...]


def speak(deployment: Deployment, provider: Provider, model: str, build_head: BuildHead) -> Spoken:
    """Return how *deployment* is asked for *model* in the dialect of its provider."""
    package = UPSTREAMS[provider.dialect]
    known = describe(provider.name, model, deployment.model_info)
    target = Target(
        model=model,
        dialect=provider.dialect,
        provider=provider.name,
        api_version=deployment.api_version,
        quirks=provider.quirks,
        max_output_tokens=known.max_output_tokens or 0,
        context_window=known.context_window or 0,
        modify_params=deployment.rewrites.modify_params,
    )
    speech = Speech(
        target=target,
        model=known,
        dialect=package,
        rewrites=deployment.rewrites,
        defaults=parse_defaults(deployment.rewrites.defaults, deployment.deployment_id),
        build_head=build_head,
        version_fields=getattr(package, "version_fields", None),
    )
    # What cannot be counted there is estimated here.
    kinds = ("chat", "embeddings", "count_tokens") if "embeddings" in package.PATHS else ("chat", "count_tokens")
    return Spoken(kinds, speech, _changed_for(speech))


def _changed_for(speech: Speech) -> tuple[bytes, ...]:
    if speech.rewrites.change_bodies:
        return (b"",)
    return needs_quirks(speech.target.quirks) if speech.target.dialect == "openai_chat" else ()
