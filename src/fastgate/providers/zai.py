"""Z.AI and BigModel: Zhipu's GLM models in the OpenAI chat dialect, abroad and in the mainland."""

from msgspec.structs import replace

from fastgate.providers.compatible import COMPATIBLE, hosted
from fastgate.providers.provider import Provider

# Its own reference could not be read. thinking: {type} stands in Google's client for it
# (pkg.go.dev/github.com/firebase/genkit/go/plugins/compat_oai/zai, v1.12.0, read 2026-11-24).
_QUIRKS = replace(COMPATIBLE, knows=frozenset(("do_sample", "thinking")), reasoning="type", thinking_returns=True)


def _row(*, name: str, base_url: str, key_env: tuple[str, ...], base_env: tuple[str, ...], docs: str) -> Provider:
    return hosted(name=name, base_url=base_url, key_env=key_env, base_env=base_env, quirks=_QUIRKS, docs=docs)


PROVIDERS = (
    _row(
        name="zai",
        base_url="https://api.z.ai/api/paas/v4",
        key_env=("ZAI_API_KEY",),
        base_env=("ZAI_API_BASE",),
        docs="https://docs.z.ai/api-reference/introduction",
    ),
    # LiteLLM's BIGMODEL_API_BASE is the host alone, so it is no base here.
    _row(
        name="bigmodel",
        base_url="https://open.bigmodel.cn/api/paas/v4",
        key_env=("BIGMODEL_API_KEY",),
        base_env=(),
        docs="https://docs.bigmodel.cn/cn/guide/develop/responses/introduction",
    ),
)
