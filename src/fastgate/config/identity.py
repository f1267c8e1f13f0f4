"""Names of deployments that stay the same over restarts and give no key away."""

from collections.abc import Iterable
from hashlib import blake2b, sha256

import msgspec

from fastgate.config.document import Node
from fastgate.config.findings import is_secret

# Ids are public (a response header), so they may not confirm a guessed key. Of every secret together 16 bits enter:
# enough that two keys give two ids, and a guess that fits is one of 65,536 times too many. Two keys whose 16 bits
# agree only cost a suffix.
_SECRET_BYTES = 2


def plain(node: Node) -> object:
    """Return the value of *node* as lists, maps and scalars."""
    if isinstance(node.value, dict):
        return {key: plain(value) for key, value in node.fields.items()}
    if isinstance(node.value, list):
        return [plain(value) for value in node.items]
    return node.value


def deployment_id(resolved: tuple[str, ...], params: Node, secrets: Iterable[str]) -> str:
    """Return a SHA-256 in hex over what was resolved and the entry's params, secrets only as a 16-bit digest."""
    digest = blake2b(digest_size=_SECRET_BYTES, person=b"fastgate-id")
    for secret in secrets:
        digest.update(f"{len(secret)}:{secret}".encode())
    found: list[str] = []
    open_part = _without_secrets(params, "", found)
    for secret in found:
        digest.update(f"{len(secret)}:{secret}".encode())
    content = msgspec.json.encode([resolved, open_part, digest.hexdigest()], order="deterministic")
    return sha256(content).hexdigest()


def _without_secrets(node: Node, path: str, secrets: list[str]) -> object:
    """Return the value of *node* with every secret left out; they are added to *secrets*, in the order of the keys."""
    if isinstance(node.value, dict):
        return {key: _without_secrets(node.fields[key], f"{path}.{key}", secrets) for key in sorted(node.fields)}
    if isinstance(node.value, list):
        return [_without_secrets(value, path, secrets) for value in node.items]
    if is_secret(path):
        secrets.append(node.text)
        return None
    # As it was written: a number may be too large for JSON.
    return node.text
