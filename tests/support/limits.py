"""Mirrors for tests: a clock that only the test moves, and heads of answers."""

import mmap

from fastgate._core import Mirror, MirroredRequest

S = 1_000_000
START = 5_000 * S
# 2026-11-01T12:00:00Z at START.
WALL_OFFSET = 1_793_534_400 * S - START


def mirror(accounts: int = 2, deployments: int = 2) -> Mirror:
    return Mirror(mmap.mmap(-1, Mirror.size(accounts, deployments)), accounts, deployments)


def head(status: int = 200, **fields: object) -> bytes:
    """Return an answer's head with *fields*: remaining_requests=5 is `x-ratelimit-remaining-requests: 5`, others as they are."""
    lines = [f"HTTP/1.1 {status} Said"]
    for name, value in fields.items():
        dashed = name.replace("_", "-")
        lines.append(f"{dashed if dashed.startswith(('retry', 'anthropic')) else f'x-ratelimit-{dashed}'}: {value}")
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


def answered(request: MirroredRequest, now_us: int, status: int = 200, **fields: object) -> None:
    """Let *request* have an answer whose head is `head(...)`."""
    request.answered(head(status, **fields), now_us, now_us + WALL_OFFSET)


def teach(taught: Mirror, now_us: int = START, account: int = 0, **fields: object) -> None:
    """Let *account* have said *fields* in an answer."""
    request = taught.send(account, -1, now_us, anyway=True)
    answered(request, now_us, **fields)
    request.settle()
