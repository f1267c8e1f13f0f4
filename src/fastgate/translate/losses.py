"""What cannot be carried into another dialect: dropped and named, or refused by name. Nothing is lost in silence."""

from fastgate.errors import InvalidBody, UnsupportedParameter

# Members of requests that tune caches, contexts, hosts, samplers and logs of the dialects that know them. Elsewhere they have no
# effect on what an answer means or costs: they are dropped and named, by whatever dialect's builder does not know them.
TUNING = frozenset(
    {
        "betas",
        "cache_control",
        "client_metadata",
        "context_management",
        "diagnostics",
        "include",
        "keep_alive",
        "labels",
        "litellm_metadata",
        "low_vram",
        "main_gpu",
        "metadata",
        "min_p",
        "mirostat",
        "mirostat_eta",
        "mirostat_tau",
        "moderation",
        "num_batch",
        "num_ctx",
        "num_gpu",
        "num_keep",
        "num_thread",
        "numa",
        "output_config",
        "penalize_newline",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "repeat_last_n",
        "repeat_penalty",
        "safety_identifier",
        "safety_settings",
        "safetySettings",
        "shift",
        "stream_options",
        "tfs_z",
        "truncate",
        "truncation",
        "typical_p",
        "use_mlock",
        "use_mmap",
    }
)


class NotCarried(UnsupportedParameter):
    """The deployment's dialect cannot say what the caller asked for, and leaving it out would change meaning or cost."""

    def __init__(self, param: str, message: str) -> None:
        super().__init__(message)
        self.param = param


class InvalidRequest(InvalidBody):
    """The request is not what the caller's own dialect demands; *param* is the path of the member that is wrong."""

    def __init__(self, param: str, message: str) -> None:
        super().__init__(message)
        self.param = param


class Losses:
    """Collects what one request lost on its way. *drop_params* is LiteLLM's: drop and name instead of refusing.

    *allowed*: parameters that are sent on whatever the table says (LiteLLM's allowed_openai_params): builders ask `keeps`.
    """

    __slots__ = ("allowed", "dialect", "drop_params", "warnings")

    def __init__(self, dialect: str, *, drop_params: bool = False, allowed: frozenset[str] = frozenset()) -> None:
        self.dialect = dialect
        self.drop_params = drop_params
        self.allowed = allowed
        # As they stand in x-fastgate-warnings: `drop:seed`, `clamp:temperature=1`.
        self.warnings: list[str] = []

    def keeps(self, param: str) -> bool:
        """Return whether the configuration says that the provider knows this parameter after all."""
        return param in self.allowed

    def drop(self, param: str) -> None:
        """Leave out what has no effect on meaning or cost."""
        self._warn(f"drop:{param}")

    def change(self, param: str, value: object) -> None:
        """Send another value than the caller's."""
        self._warn(f"clamp:{param}={value}")

    def emulate(self, param: str) -> None:
        """Say it in other words with the same effect."""
        self._warn(f"emulate:{param}")

    def refuse(self, param: str, why: str = "") -> None:
        """Leave it out if `drop_params` says so; raise NotCarried otherwise. *why* is a clause about the dialect."""
        if self.drop_params:
            self._warn(f"drop:{param}")
            return
        reason = why or f"the {self.dialect} dialect of this model's deployment has no such parameter"
        raise NotCarried(param, f"`{param}` cannot be carried: {reason}; leave it out, or set drop_params: true to have it dropped")

    def unknown(self, param: str) -> None:
        """Leave out a member of another dialect's request if it is of TUNING; refuse it otherwise."""
        if param in TUNING:
            self.drop(param)
        else:
            self.refuse(param)

    def _warn(self, warning: str) -> None:
        if warning not in self.warnings:
            self.warnings.append(warning)


def warning_fields(losses: Losses) -> bytes:
    """Return the answer's field that names what was lost, b"" if nothing was."""
    if not losses.warnings:
        return b""
    # Names of members are the caller's: what a field cannot hold is left out.
    text = "; ".join(losses.warnings).encode("ascii", "replace")[:4096]
    return b"x-fastgate-warnings: " + bytes(byte if 0x20 <= byte < 0x7F else 0x3F for byte in text) + b"\r\n"
