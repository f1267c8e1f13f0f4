"""Which version of the API a translated request asks for, and which betas its members belong to."""

from typing import Any

from fastgate.translate.anthropic_messages.generations import generation_of
from fastgate.translate.target import Target

# 2026-10-21 refuses sampling parameters even at their defaults, documents in assistant messages and citations on the user's
# text (platform.claude.com/docs/en/api/migration-2026-10-21, 2026-11).
OLD_VERSION = "2023-06-01"
NEW_VERSION = "2026-10-21"

_SAMPLING = frozenset({"temperature", "top_p", "top_k"})

# Member of the body -> beta that it belongs to (an-py types/anthropic_beta_param.py 2.12; docs of each feature, 2026-11).
_BETAS = (
    ("mcp_servers", "mcp-client-2025-11-20"),
    ("context_management", "context-management-2025-06-27"),
    ("fallbacks", "server-side-fallback-2026-07-01"),
    ("speed", "fast-mode-2026-02-01"),
    ("output_format", "structured-outputs-2025-11-13"),
)

_BETA_MEMBERS = frozenset({*(member for member, _ in _BETAS), "container", "output_config"})
_ALONE = {version: (("anthropic-version", version),) for version in (OLD_VERSION, NEW_VERSION)}


def version_fields(body: dict[str, Any], target: Target) -> tuple[tuple[str, str], ...]:
    """Return anthropic-version, and anthropic-beta if a member needs one, for a body that `build_request` made.

    The newest version, unless the configuration names one, the body holds what that version refuses, or the model is another
    vendor's, whose server knows the old one.
    """
    version = target.api_version
    if not version:
        version = NEW_VERSION if generation_of(target.model).claude and not _needs_old(body) else OLD_VERSION
    if _BETA_MEMBERS.isdisjoint(body):
        return _ALONE.get(version) or (("anthropic-version", version),)
    betas = [beta for member, beta in _BETAS if member in body]
    container = body.get("container")
    if isinstance(container, dict) and container.get("skills"):
        betas.append("skills-2025-10-02")
    output = body.get("output_config")
    if isinstance(output, dict) and "task_budget" in output:
        betas.append("task-budgets-2026-03-13")
    if not betas:
        return (("anthropic-version", version),)
    return (("anthropic-version", version), ("anthropic-beta", ",".join(betas)))


def _needs_old(body: dict[str, Any]) -> bool:
    if not _SAMPLING.isdisjoint(body):
        return True
    for message in body.get("messages", ()):
        content = message["content"]
        if isinstance(content, str):
            continue
        kind, member = ("document", "source") if message["role"] == "assistant" else ("text", "citations")
        for block in content:
            if block.get("type") == kind and block.get(member):
                return True
    return False
