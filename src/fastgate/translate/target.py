"""What a translator must know of a deployment, bound once at start, and what the answer's reader must know of the request."""

from msgspec import Struct, field

from fastgate.providers.provider import Quirks


class Target(Struct, frozen=True, kw_only=True):
    """One deployment as a translator sees it."""

    # What the provider is asked for.
    model: str
    dialect: str
    provider: str = ""
    api_version: str = ""
    quirks: Quirks = Quirks()
    # Of the model catalogue; 0: not known.
    max_output_tokens: int = 0
    context_window: int = 0
    # A request without a first user turn may get a placeholder (LiteLLM's modify_params).
    modify_params: bool = False


class Asked(Struct, kw_only=True):
    """How a request was put, where that changes how its answer is read."""

    # Tool names as sent -> as the caller said them, where they differ.
    renamed: dict[str, str] = field(default_factory=dict)
    # Tool whose input is the structured answer; its call comes back as text. "" if there is none.
    answer_tool: str = ""
    # Calls are to be left out of the answer: the provider knows no tool_choice "none".
    no_calls: bool = False
    # Only the first call of an answer is passed on: the provider knows no parallel_tool_calls.
    one_call: bool = False


class Naming(Struct, frozen=True, kw_only=True):
    """What a builder writes into an answer that no provider said: made by the gateway, so that translators need no clock and no chance."""

    # The name the caller used.
    model: str
    # Letters and digits, unique to this request; ids are made of it.
    seed: str
    # Seconds of the epoch.
    now: int
    # Since the request came, as far as it is known when the answer is written; 0: not measured.
    elapsed_ns: int = 0

    def make_id(self, prefix: str, number: int = 0) -> str:
        """Return an id: *prefix*, the seed and the ordinal."""
        return f"{prefix}{self.seed}{number:02x}" if number else f"{prefix}{self.seed}"
