"""Inputs from seeds: cut, spliced, repeated and damaged at random."""

import random
from pathlib import Path

from tests.oracle.mutations import WEDGES

_CORPUS = Path(__file__).parent / "corpus"
_TOKENS = (
    *WEDGES,
    *(
        b'"',
        b"\\",
        b"\\u",
        b"\\ud800",
        b"{",
        b"}",
        b"[",
        b"]",
        b'"model"',
        b'"stream":true',
        b'"usage":{',
        b'"stream_options":',
        b"data: ",
        b"event: ",
    ),
    *(
        b"ffffffffffffffff",
        b"99999999999999999999",
        b"-1",
        b"1e999",
        b"null",
        b"[DONE]",
        b"\xed\xa0\x80",
        b"\xf0\x9f\xa6\x8a",
        b"HTTP/1.1 100 x\r\n\r\n",
    ),
)
LONGEST = 20_000


def seeds(target: str) -> list[bytes]:
    """Return the corpus of a target; lines of `.http` files end in LF for the editor's sake and are sent with CRLF."""
    found = []
    for path in sorted((_CORPUS / target).iterdir()):
        data = path.read_bytes()
        found.append(data.replace(b"\n", b"\r\n") if path.suffix == ".http" else data)
    return found


def mutated(rng: random.Random, corpus: list[bytes]) -> bytes:
    """Return a seed with a few random changes."""
    data = bytearray(rng.choice(corpus))
    for _ in range(rng.choice((0, 1, 1, 2, 3, 5))):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(8):
            case 0 if data:
                data[at % len(data)] = rng.randrange(256)
            case 1 if data:
                data[at % len(data)] ^= 1 << rng.randrange(8)
            case 2:
                del data[at : at + rng.choice((1, 1, 2, 8, 64))]
            case 3:
                data[at:at] = data[at : at + rng.choice((1, 4, 16, 64, 200))] * rng.choice((1, 1, 2, 40))
            case 4:
                other = rng.choice(corpus)
                start = rng.randrange(len(other) + 1)
                data[at:at] = other[start : start + rng.choice((4, 16, 64, 400))]
            case 5:
                data[at:at] = bytes([rng.choice(b'\\" a0{[\x80\r\n')]) * rng.choice((1, 2, 3, 63, 64, 65, 300))
            case _:
                data[at:at] = rng.choice(_TOKENS)
    return bytes(data[:LONGEST])


def cuts(rng: random.Random, data: bytes) -> list[bytes]:
    """Return *data* in random pieces, now and then in single bytes."""
    if len(data) < 200 and rng.randrange(20) == 0:
        return [data[at : at + 1] for at in range(len(data))]
    places = sorted(rng.randrange(len(data) + 1) for _ in range(rng.choice((1, 1, 2, 4))))
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True) if start < end]


def smaller(data: bytes) -> list[bytes]:
    """Return candidates that are *data* with one stretch left out, large stretches first."""
    found: list[bytes] = []
    width = max(len(data) // 2, 1)
    while len(found) < 400:
        found += [data[:at] + data[at + width :] for at in range(0, len(data), width)]
        if width == 1:
            break
        width //= 2
    return found
