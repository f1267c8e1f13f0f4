"""What a row of `providers/` says."""

from typing import Literal

from msgspec import Struct

Auth = Literal["bearer", "x-api-key", "api-key", "x-goog-api-key", "none"]


class Provider(Struct, frozen=True, kw_only=True):
    """Who serves a model: where, in which dialect, and how it wants to be asked."""

    # `model: name/...` in config.yaml.
    name: str
    # Wire format: openai_chat, anthropic_messages, gemini, ollama, bedrock, cohere.
    dialect: str
    # Without trailing slash. Empty: the deployment must give api_base.
    base_url: str = ""
    # Environment variables, the first that is set wins.
    key_env: tuple[str, ...] = ()
    base_env: tuple[str, ...] = ()
    version_env: tuple[str, ...] = ()
    # Whether a deployment without a key is a mistake.
    needs_key: bool = True
    auth: Auth = "bearer"
    # Fields sent with every request.
    headers: tuple[tuple[str, str], ...] = ()
    # How the target is made from the base URL's path: {base} {operation} {model} {api_version}.
    target: str = "{base}{operation}"
    # The page, and the day it was read.
    docs: str = ""
