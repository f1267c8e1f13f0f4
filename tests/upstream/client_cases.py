"""The client role's framing rules as data: what an upstream may answer, and what may never pass for an answer."""

from dataclasses import dataclass

from tests.support.answers import chunk

BODY = b'{"id":"x","model":"up-model","choices":[]}'
SEEN = BODY.replace(b"up-model", b"group-a")
_JSON = b"Content-Type: application/json\r\n"
_LENGTH = b"Content-Length: %d\r\n" % len(BODY)
_CHUNKED = b"Transfer-Encoding: chunked\r\n"


@dataclass(frozen=True)
class Answer:
    # A sentence of the profile.
    name: str
    data: bytes
    # The upstream closes after these bytes.
    ends: bool = False
    status: int = 200
    # What the caller gets for it.
    body: bytes = SEEN


def _answer(
    name: str, fields: bytes, content: bytes, *, before: bytes = b"", line: bytes = b"HTTP/1.1 200 OK", ends: bool = False
) -> Answer:
    return Answer(name, before + line + b"\r\n" + _JSON + fields + b"\r\n" + content, ends)


def _chunks(name: str, content: bytes, *, ends: bool = False) -> Answer:
    return _answer(name, _CHUNKED, content, ends=ends)


_CHUNK = chunk(BODY)
_ERROR = b'{"error":{"message":"no","type":"invalid_request_error","param":null,"code":null}}'

GOOD = (
    _answer("a_body_of_a_given_length", _LENGTH, BODY),
    _answer("a_body_of_a_given_length_and_then_the_end", _LENGTH + b"Connection: close\r\n", BODY, ends=True),
    _answer("a_chunked_body", _CHUNKED, _CHUNK + b"0\r\n\r\n"),
    _answer("a_body_in_many_chunks", _CHUNKED, b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n"),
    _answer("a_chunked_body_with_extensions", _CHUNKED, _CHUNK.replace(b"\r\n", b";a=b\r\n", 1) + b"0;c\r\n\r\n"),
    _answer("a_chunked_body_with_trailers", _CHUNKED, _CHUNK + b"0\r\nX-A: b\r\nX-C: d\r\n\r\n"),
    _answer("a_chunked_body_with_upper_case_sizes", b"TRANSFER-ENCODING: Chunked\r\n", b"00%X\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)),
    _answer("a_body_until_the_end", b"", BODY, ends=True),
    _answer("a_body_of_http_1_0_until_the_end", b"", BODY, line=b"HTTP/1.0 200 OK", ends=True),
    _answer("a_body_of_http_1_0_of_a_given_length", _LENGTH, BODY, line=b"HTTP/1.0 200 OK", ends=True),
    _answer("a_status_line_without_a_reason", _LENGTH, BODY, line=b"HTTP/1.1 200 "),
    _answer("a_reason_in_other_letters", _LENGTH, BODY, line=b"HTTP/1.1 200 \xc3\xbcber"),
    _answer("a_continue_before_the_answer", _LENGTH, BODY, before=b"HTTP/1.1 100 Continue\r\n\r\n"),
    _answer(
        "early_hints_before_the_answer",
        _CHUNKED,
        _CHUNK + b"0\r\n\r\n",
        before=b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    ),
    _answer("sixteen_interim_answers", _LENGTH, BODY, before=b"HTTP/1.1 103 Early Hints\r\n\r\n" * 16),
    Answer(
        "blank_lines_before_the_json",
        b"HTTP/1.1 200 OK\r\n" + _JSON + b"Content-Length: 46\r\n\r\n\n\n\r\n" + BODY,
        body=b"\n\n\r\n" + SEEN,
    ),
    Answer(
        "an_error_of_a_given_length",
        b"HTTP/1.1 400 Bad Request\r\n" + _JSON + b"Content-Length: %d\r\n\r\n" % len(_ERROR) + _ERROR,
        status=400,
        body=_ERROR,
    ),
)

# 502, whatever the bytes would have been for a lenient reader.
WRONG = (
    Answer("words_instead_of_a_status_line", b"what is this\r\n\r\n"),
    Answer("binary_instead_of_a_status_line", b"\x15\x03\x01\x00\x02\x02\x16\r\n\r\n"),
    Answer("an_smtp_greeting", b"220 mail.example ESMTP\r\n\r\n"),
    Answer("an_empty_line_before_the_status_line", b"\r\nHTTP/1.1 200 OK\r\n" + _JSON + _LENGTH + b"\r\n" + BODY),
    _answer("a_status_line_of_http_2", _LENGTH, BODY, line=b"HTTP/2.0 200 OK"),
    _answer("a_status_line_of_http_1_2", _LENGTH, BODY, line=b"HTTP/1.2 200 OK"),
    _answer("a_lower_case_version", _LENGTH, BODY, line=b"http/1.1 200 OK"),
    _answer("a_status_of_two_digits", _LENGTH, BODY, line=b"HTTP/1.1 20 OK"),
    _answer("a_status_of_four_digits", _LENGTH, BODY, line=b"HTTP/1.1 2000 OK"),
    _answer("a_status_with_a_sign", _LENGTH, BODY, line=b"HTTP/1.1 +20 OK"),
    _answer("a_status_below_100", _LENGTH, BODY, line=b"HTTP/1.1 099 OK"),
    _answer("two_spaces_before_the_status", _LENGTH, BODY, line=b"HTTP/1.1  200 OK"),
    _answer("a_control_character_in_the_reason", _LENGTH, BODY, line=b"HTTP/1.1 200 O\x00K"),
    Answer("a_head_with_bare_lf", b"HTTP/1.1 200 OK\n" + (_JSON + _LENGTH).replace(b"\r", b"") + b"\n" + BODY),
    _answer("a_field_ended_by_lf", b"X-A: b\n" + _LENGTH, BODY),
    _answer("a_bare_cr_in_a_value", b"X-A: b\rX-C: d\r\n" + _LENGTH, BODY),
    _answer("a_nul_in_a_value", b"X-A: b\0\r\n" + _LENGTH, BODY),
    _answer("a_space_before_the_colon", b"X-A : b\r\n" + _LENGTH, BODY),
    _answer("a_folded_field", b"X-A: b\r\n c\r\n" + _LENGTH, BODY),
    _answer("a_field_without_a_colon", b"X-A\r\n" + _LENGTH, BODY),
    _answer("an_empty_field_name", b": b\r\n" + _LENGTH, BODY),
    _answer("a_length_with_a_sign", b"Content-Length: +%d\r\n" % len(BODY), BODY),
    _answer("a_negative_length", b"Content-Length: -1\r\n", BODY),
    _answer("a_length_in_hex", b"Content-Length: 0x2a\r\n", BODY),
    _answer("an_empty_length", b"Content-Length: \r\n", BODY),
    _answer("a_length_of_2_to_the_64_and_more", b"Content-Length: 18446744073709551658\r\n", BODY),
    _answer("two_equal_lengths", _LENGTH + _LENGTH, BODY),
    _answer("two_different_lengths", _LENGTH + b"Content-Length: 1\r\n", BODY),
    _answer("a_list_of_lengths", b"Content-Length: %d, %d\r\n" % (len(BODY), len(BODY)), BODY),
    _answer("both_a_length_and_chunks", _LENGTH + _CHUNKED, _CHUNK + b"0\r\n\r\n"),
    _answer("both_chunks_and_a_length", _CHUNKED + _LENGTH, _CHUNK + b"0\r\n\r\n"),
    _answer("a_coding_of_gzip", b"Transfer-Encoding: gzip\r\n", BODY),
    _answer("a_coding_of_gzip_and_chunked", b"Transfer-Encoding: gzip, chunked\r\n", _CHUNK + b"0\r\n\r\n"),
    _answer("two_codings", _CHUNKED + _CHUNKED, _CHUNK + b"0\r\n\r\n"),
    _answer("chunks_in_http_1_0", _CHUNKED, _CHUNK + b"0\r\n\r\n", line=b"HTTP/1.0 200 OK"),
    Answer("switching_protocols", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    _answer("seventeen_interim_answers", _LENGTH, BODY, before=b"HTTP/1.1 103 Early Hints\r\n\r\n" * 17),
    _answer("an_interim_answer_with_a_bad_field", _LENGTH, BODY, before=b"HTTP/1.1 103 Early Hints\r\nX : b\r\n\r\n"),
)

# Larger than any head may be.
BOMBS = (
    _answer("a_status_line_without_end", b"", b"", line=b"HTTP/1.1 200 " + b"a" * 1_000_000),
    _answer("a_field_of_a_megabyte", b"X-A: " + b"b" * 1_000_000 + b"\r\n", b""),
    _answer("a_field_name_without_end", b"a" * 1_000_000, b""),
    _answer("a_hundred_thousand_fields", b"X-A: b\r\n" * 100_000, b""),
    _answer("a_head_of_over_64_kb", b"X-A: " + b"b" * 70_000 + b"\r\n" + _LENGTH, BODY),
    Answer("interim_answers_without_end", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 20_000),
)

# The answer begins well. A caller must never take what came for the whole answer.
BROKEN = (
    _answer("a_body_one_byte_short", _LENGTH, BODY[:-1], ends=True),
    _answer("a_body_that_does_not_come", _LENGTH, b"", ends=True),
    _chunks("a_cut_inside_a_chunk_line", b"2", ends=True),
    _chunks("a_cut_after_a_chunk_line", b"2a\r\n", ends=True),
    _chunks("a_cut_inside_a_chunk", _CHUNK[:20], ends=True),
    _chunks("a_cut_after_a_chunk", _CHUNK, ends=True),
    _chunks("a_cut_before_the_crlf_of_a_chunk", _CHUNK[:-2], ends=True),
    _chunks("a_cut_after_the_last_chunk_line", _CHUNK + b"0\r\n", ends=True),
    _chunks("a_cut_inside_the_trailers", _CHUNK + b"0\r\nX-A: b\r\n", ends=True),
    _chunks("a_chunk_size_that_is_no_number", b"xyz\r\n" + BODY + b"\r\n0\r\n\r\n"),
    _chunks("a_second_chunk_size_that_is_no_number", _CHUNK + b"xyz\r\n"),
    _chunks("a_chunk_size_with_a_sign", b"+2a\r\n" + BODY + b"\r\n0\r\n\r\n"),
    _chunks("a_chunk_size_with_0x", b"0x2a\r\n" + BODY + b"\r\n0\r\n\r\n"),
    _chunks("a_chunk_size_of_2_to_the_64_and_more", b"1000000000000002a\r\n" + BODY + b"\r\n0\r\n\r\n"),
    _chunks("a_chunk_line_ended_by_lf", b"2a\n" + BODY + b"\r\n0\r\n\r\n"),
    _chunks("a_chunk_line_without_end", b"2a;" + b"a" * 100_000),
    _chunks("a_chunk_longer_than_its_size", b"29\r\n" + BODY + b"\r\n0\r\n\r\n"),
    _chunks("a_chunk_followed_by_other_bytes", b"2a\r\n" + BODY + b"XX0\r\n\r\n"),
    _chunks("a_trailer_without_a_colon", _CHUNK + b"0\r\nX-A\r\n\r\n"),
    _chunks("trailers_without_end", _CHUNK + b"0\r\n" + b"X-A: b\r\n" * 20_000),
)
