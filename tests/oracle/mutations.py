"""Small damage to wire bytes."""

from hypothesis import strategies as st

Mutation = tuple[int, int, bytes]

# What framing bugs are made of.
WEDGES = (
    *(
        b"\r",
        b"\n",
        b"\0",
        b" ",
        b"\t",
        b"\r\n",
        b"\r\n\r\n",
        b"\n\n",
        b"\r\n ",
        b"\x0b",
        b"\x7f",
        b"\x80",
        b"\xff",
        b":",
        b";",
        b",",
        b"0",
        b"1",
        b"+",
    ),
    *(
        b"-",
        b"_",
        b"0x",
        b"\xc2\xa0",
        b"\xef\xbc\x91",
        b"Content-Length: 1\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: identity\r\n",
    ),
    *(
        b"Host: b\r\n",
        b"Connection: close\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"0\r\n\r\n",
        b"HTTP/1.0",
        b";a=b",
        b"chunked, ",
        b", chunked",
        b"#",
        b"?",
    ),
)

MUTATION = st.tuples(st.integers(0, 1 << 16), st.sampled_from([0, 0, 0, 1, 1, 2, 5]), st.sampled_from(WEDGES) | st.binary(max_size=2))


def mutate(data: bytes, mutations: list[Mutation]) -> bytes:
    """Return *data* with each mutation made: at its place, cut so many bytes and put in others."""
    for place, removed, wedge in mutations:
        at = place % (len(data) + 1)
        data = data[:at] + wedge + data[at + removed :]
    return data
