"""The rows as a page for readers: `python -m fastgate.providers.document > docs/providers.md`."""

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from fastgate.providers import PROVIDERS, Provider
from fastgate.providers.compatible import COMPATIBLE
from fastgate.providers.provider import Quirks

_HEAD = """# Providers

Written by `python -m fastgate.providers.document > docs/providers.md` from the rows of `src/fastgate/providers/`; a test holds it true.

A deployment names its provider before the first slash of `model:` in config.yaml, under LiteLLM's names: `groq/llama-3.3-70b-versatile`.
There are {count} names. Anything else that speaks OpenAI's chat dialect is `openai_like/<model>` (or `custom_openai/<model>`, or
`openai/<model>`) with an `api_base`.

To add a provider, add one row to one file of `src/fastgate/providers/` and write this page again.

- Base URL: what `api_base` replaces. `{{names}}` in it are keys of `litellm_params`, or come from the environment.
- Key, base: environment variables that are read where the deployment gives no `api_key` or `api_base`; the first that is set wins.
- Documentation: the page, and the day it was read. Without a day, the row rests on LiteLLM 1.109.1.
"""
_AUTH = {
    "bearer": "as bearer",
    "x-api-key": "in `x-api-key`",
    "api-key": "in `api-key`",
    "x-goog-api-key": "in `x-goog-api-key`",
    "none": "not sent",
}
# Member of Quirks -> how its heading reads; the order of the page.
MEMBERS = {
    "rename": "renamed parameters",
    "roles": "renamed roles",
    "values": "renamed values",
    "efforts": "renamed efforts",
    "drop": "dropped and reported",
    "refuse": "refused",
    "knows": "known beyond the dialect",
    "usage": "usage counters",
    "reasoning_beside_output": "reasoning tokens beside completion_tokens",
    "thinking": "thoughts in",
    "thinking_returns": "thoughts of earlier turns go back",
    "reasoning": "effort is told by",
    "finish": "finish reasons",
    "stream_usage": "can be asked for usage in streams",
    "cache_marks": "cache_control goes through",
    "response_formats": "response formats",
    "tool_ids": "ids of tool calls match",
    "message_names": "messages may carry names",
}
_EFFORT = {"effort": "reasoning_effort", "object": "reasoning: {effort}", "type": "thinking: {type}", "none": "nothing"}


def page(providers: Mapping[str, Provider] = PROVIDERS) -> str:
    """Return docs/providers.md."""
    lines = [_HEAD.format(count=len(providers)), "| name | dialect | base URL | key | base | documentation |", "|---|---|---|---|---|---|"]
    lines += [_table_line(row) for _, row in sorted(providers.items())]
    lines += ["", "## Differences from the dialect", ""]
    lines += ["Most compatible servers have these, and no others:", "", *_differences(COMPATIBLE)]
    for names, quirks in _groups(providers):
        lines += ["", f"### {', '.join(names)}", "", *_differences(quirks)]
    return "\n".join(lines) + "\n"


def _table_line(row: Provider) -> str:
    key = _variables(row.key_env)
    if key:
        key += f" ({_AUTH[row.auth]}{'' if row.needs_key else ', optional'})"
    url, _, day = row.docs.partition(", ")
    base = f"`{row.base_url}`" if row.base_url else "`api_base` is needed"
    base += "".join(f"; {part}: `{other}`" for part, other in row.base_urls.items())
    cells = (f"`{row.name}`", row.dialect, base, key, _variables(row.base_env), f"[{'read ' + day if day else 'page'}]({url})")
    return f"| {' | '.join(cells)} |"


def _variables(names: Iterable[str]) -> str:
    return " ".join(f"`{name}`" for name in names)


def _groups(providers: Mapping[str, Provider]) -> list[tuple[list[str], Quirks]]:
    """Return the differences that are not the common ones, each with the names that have it."""
    found: list[tuple[list[str], Quirks]] = []
    for name, row in sorted(providers.items()):
        if row.quirks in (Quirks(), COMPATIBLE):
            continue
        same = next((names for names, quirks in found if quirks == row.quirks), None)
        if same is None:
            found.append(([name], row.quirks))
        else:
            same.append(name)
    return found


def _differences(quirks: Quirks) -> list[str]:
    lines, usual = [], []
    for member, heading in MEMBERS.items():
        value = getattr(quirks, member)
        if value == getattr(Quirks(), member):
            continue
        if quirks is not COMPATIBLE and value == getattr(COMPATIBLE, member):
            usual.append(heading)
        else:
            lines.append(f"- {heading}: {_EFFORT[value] if member == 'reasoning' else _said(value)}")
    return [*([f"- as most: {', '.join(usual)}"] if usual else []), *lines]


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, frozenset):
        return _variables(sorted(value))
    if isinstance(value, Mapping):
        return ", ".join(f"`{key}`{': ' if isinstance(said, Mapping) else ' → '}{_said(said)}" for key, said in value.items())
    return f"`{value}`" if value else "nothing"


if __name__ == "__main__":
    sys.stdout.write(page())
