"""RS256 (RFC 7518 3.3): RSASSA-PKCS1-v1_5 with SHA-256, in plain integers: one signature an hour needs no library."""

import base64
import binascii
import hashlib
import re

# DigestInfo of SHA-256 (RFC 8017 9.2, note 1).
_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
_PEM = re.compile(r"-----BEGIN (RSA )?PRIVATE KEY-----(.+?)-----END (?:RSA )?PRIVATE KEY-----", re.DOTALL)
_SEQUENCE, _INTEGER, _OCTET_STRING = 0x30, 0x02, 0x04
_RSA = bytes.fromhex("06092a864886f70d010101")


class BadKey(ValueError):
    """The text is not an unencrypted RSA private key in PEM."""


class PrivateKey:
    """An RSA private key. Raise BadKey if *pem* is none."""

    def __init__(self, pem: str) -> None:
        match = _PEM.search(pem)
        if match is None:
            raise BadKey("it is not a private key in PEM: -----BEGIN PRIVATE KEY----- was expected")
        try:
            der = base64.b64decode("".join(match[2].split()), validate=True)
            numbers = _integers(der if match[1] else _unwrap(der))
            # RSAPrivateKey (RFC 8017 A.1.2): version, n, e, d, p, q, d mod p-1, d mod q-1, 1/q mod p.
            _, self._n, self._e, _, self._p, self._q, self._dp, self._dq, self._inverse = numbers[:9]
        except (binascii.Error, IndexError, ValueError) as error:
            raise BadKey("it is not an RSA private key") from error
        if self._n.bit_length() < 1024 or self._p * self._q != self._n:
            raise BadKey("it is not an RSA private key of 1024 bits and more")

    def sign(self, message: bytes) -> bytes:
        """Return the signature of *message*."""
        size = (self._n.bit_length() + 7) // 8
        digest = _DIGEST_INFO + hashlib.sha256(message).digest()
        padded = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
        value = int.from_bytes(padded, "big")
        # RFC 8017 5.1.2, with the Chinese remainder theorem.
        first, second = pow(value, self._dp, self._p), pow(value, self._dq, self._q)
        signed = second + self._q * ((first - second) * self._inverse % self._p)
        # A fault in one half would give a factor of the key away.
        if pow(signed, self._e, self._n) != value:
            raise BadKey("its numbers contradict each other")
        return signed.to_bytes(size, "big")


def _unwrap(der: bytes) -> bytes:
    """Return the RSAPrivateKey inside a PrivateKeyInfo (RFC 5208 5)."""
    body = _value(der, 0, _SEQUENCE)[0]
    _, at = _value(body, 0, _INTEGER)
    algorithm, at = _value(body, at, _SEQUENCE)
    if not algorithm.startswith(_RSA):
        raise ValueError("another algorithm than RSA")
    return _value(body, at, _OCTET_STRING)[0]


def _integers(der: bytes) -> list[int]:
    body = _value(der, 0, _SEQUENCE)[0]
    numbers: list[int] = []
    at = 0
    while at < len(body):
        value, at = _value(body, at, _INTEGER)
        numbers.append(int.from_bytes(value, "big"))
    return numbers


def _value(der: bytes, at: int, tag: int) -> tuple[bytes, int]:
    """Return the value at *at*, which must have *tag*, and where the next one begins (X.690 8.1)."""
    if der[at] != tag:
        raise ValueError("another tag")
    length = der[at + 1]
    at += 2
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(der[at : at + size], "big")
        at += size
    end = at + length
    if end > len(der):
        raise ValueError("cut")
    return der[at:end], end
