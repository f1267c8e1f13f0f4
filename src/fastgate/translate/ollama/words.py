"""Words of Ollama's API and what they mean. Source: ollama/ollama api/types.go, docs.ollama.com/api (2026-11-20)."""

from fastgate.translate.answer import FinishReason
from fastgate.translate.conversation import Effort, Role

DIALECT = "ollama"

# Stands as signature of a thought, which this API does not sign, where the provider's row wants thoughts back: callers of other
# dialects bring back what is signed, and with it its origin.
UNSIGNED = "unsigned"

# Role of a message -> role of a turn; a message of role "tool" is a result. The server's templates know no developer.
ROLES: dict[str, Role] = {"system": "system", "developer": "developer", "user": "user", "assistant": "assistant"}

# done_reason -> why an answer ended. "load" and "unload" answer requests without a prompt.
FINISH: dict[str, FinishReason] = {"": "stop", "stop": "stop", "length": "length", "load": "stop", "unload": "stop"}
DONE_REASONS: dict[FinishReason, str] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool_calls": "stop",
    "content_filter": "stop",
    "pause": "stop",
}

# `think` as the caller's word -> effort. true turns thinking on and names no level.
EFFORTS: dict[str, Effort] = {"low": "low", "medium": "medium", "high": "high", "max": "max"}
THINK: dict[Effort, bool | str] = {
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "max": "max",
}
# Budgets in tokens below which a level is meant; above the last it is "high".
BUDGETS = ((2048, "low"), (8192, "medium"))

# Members of `options`: names under which other dialects' callers may say them too.
OPTIONS = frozenset(
    {
        "f16_kv",
        "frequency_penalty",
        "logits_all",
        "low_vram",
        "main_gpu",
        "min_p",
        "mirostat",
        "mirostat_eta",
        "mirostat_tau",
        "num_batch",
        "num_ctx",
        "num_gpu",
        "num_keep",
        "num_predict",
        "num_thread",
        "numa",
        "penalize_newline",
        "presence_penalty",
        "repeat_last_n",
        "repeat_penalty",
        "seed",
        "stop",
        "temperature",
        "tfs_z",
        "top_k",
        "top_p",
        "typical_p",
        "use_mlock",
        "use_mmap",
        "vocab_only",
    }
)
# The same option under the name that vLLM, OpenRouter and Together gave it.
OPTION_OF = {"repetition_penalty": "repeat_penalty"}
# Members beside `options` that only this dialect knows.
MEMBERS = frozenset({"keep_alive", "shift", "truncate", "_debug_render_only"})
