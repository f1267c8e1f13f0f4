"""What a row of `endpoints/` says."""

from typing import Literal

from msgspec import Struct

Body = Literal["none", "json", "multipart"]
Kind = Literal["", "chat", "embeddings", "count_tokens"]


class Endpoint(Struct, frozen=True, kw_only=True):
    """One public operation: its paths, its dialect and how its messages look."""

    method: str
    # `{id}` is one segment, `{model}` a model's name, slashes included.
    paths: tuple[str, ...]
    # The wire format of requests, answers and errors: openai_chat, openai_responses, anthropic_messages.
    dialect: str
    # Name in logs and metrics, OpenTelemetry GenAI's where it has one: chat, text_completion, embeddings, ...
    operation: str
    # What follows the provider's base URL, `{id}` taken from the path. Empty: answered here.
    target: str = ""
    body: Body = "none"
    streams: bool = False
    # Its streams say themselves that they are complete: [DONE], message_stop, response.completed and kin.
    terminates: bool = False
    # A stream can be asked for its usage with `stream_options`.
    usage_option: bool = False
    # What it makes is asked for by its id later, at the account that made it.
    makes_ids: bool = False
    # A request that names no model is refused; else the only account that could own it is asked.
    needs_model: bool = False
    # What it is in any dialect, so that it can be asked of a deployment that speaks another.
    kind: Kind = ""
    # A body that does not say `stream` asks for one.
    stream_default: bool = False
    # The model stands in the path and not in the body.
    model_in_path: bool = False
    # Its answer is somebody's own file: nothing in it is changed.
    opaque: bool = False
    # Nobody needs a key.
    public: bool = False


def both(path: str) -> tuple[str, str]:
    """Return the path with /v1 in front and without."""
    return (f"/v1{path}", path)


def with_deployments(path: str) -> tuple[str, ...]:
    """Return the OpenAI paths of an operation, Azure's and the old engines' among them."""
    return (*both(path), f"/openai/deployments/{{model}}{path}", f"/engines/{{model}}{path}", f"/openai/v1{path}")
