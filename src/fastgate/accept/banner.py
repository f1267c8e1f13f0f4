"""What stands below the line "listening on": what is served, to whom, and a request to try."""

from collections.abc import Sequence

from fastgate.accept.sockets import Listening
from fastgate.config.schema import Deployment, Settings
from fastgate.providers import PROVIDERS

# NIST SP 800-63B 3.1.1.2 (2025): at least 15 characters for a secret that is the only factor.
SHORTEST_KEY = 15


def build_banner(settings: Settings, listening: Listening, notes: Sequence[str]) -> list[str]:
    """Return the lines; no secret is in them."""
    names = list(dict.fromkeys(deployment.model_name for deployment in settings.deployments))
    workers = len(listening.slots)
    counts = (_count(len(names), "model"), _count(len(settings.deployments), "deployment"), _count(workers, "worker"))
    return [
        f"  {', '.join(counts)}",
        *(f"  note: {note}" for note in (*notes, *_notes_on_access(settings, listening))),
        f"  try: {build_curl(settings, listening)}",
    ]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _notes_on_access(settings: Settings, listening: Listening) -> list[str]:
    open_to_others = not listening.loopback
    if settings.master_key is not None:
        weak = len(settings.master_key.reveal()) < SHORTEST_KEY
        return ["WARNING: the master key is short, and other hosts can reach this address; take a random one"] * (weak and open_to_others)
    if settings.allow_unauthenticated:
        return ["WARNING: whoever reaches this address spends the providers' keys (allow_unauthenticated)"] * open_to_others
    return ["no master key: only callers on this machine are served; set general_settings.master_key to open it to others"]


def build_curl(settings: Settings, listening: Listening) -> str:
    """Return a command to paste, made for the first model that can be asked in its own dialect."""
    url = listening.url
    if listening.host in ("0.0.0.0", "::"):
        url = f"http://127.0.0.1:{listening.port}"
    key = ' -H "Authorization: Bearer $FASTGATE_KEY"' if settings.master_key else ""
    for dialect, path, more in (("openai_chat", "/v1/chat/completions", ""), ("anthropic_messages", "/v1/messages", '"max_tokens":64,')):
        for deployment in settings.deployments:
            if _dialect(deployment) == dialect and (name := _askable_name(deployment)):
                body = f'{{"model":"{name}",{more}"messages":[{{"role":"user","content":"Hello"}}]}}'
                return f"curl {url}{path}{key} -H 'Content-Type: application/json' -d '{body}'"
    return f"curl {url}/v1/models{key}"


def _dialect(deployment: Deployment) -> str:
    row = PROVIDERS.get(deployment.provider)
    return row.dialect if row else ""


def _askable_name(deployment: Deployment) -> str:
    # A wildcard names no model, and what would need quoting is not worth a banner.
    name = deployment.model_name
    return "" if any(character in "*'\"\\" or not character.isprintable() for character in name) else name
