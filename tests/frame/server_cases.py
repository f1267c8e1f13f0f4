"""The server role's framing rules as data: what a client may send, what it is answered, whether the connection ends."""

from dataclasses import dataclass

CHAT_BODY = b'{"model":"group-a","messages":[]}'
_HEAD = b"GET /health/liveliness HTTP/1.1\r\nHost: a\r\n"
_POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nx-api-key: sk-master\r\n"


@dataclass(frozen=True)
class Case:
    # A sentence of the profile.
    name: str
    data: bytes
    statuses: tuple[int, ...]
    # What the upstream is asked with, if it is asked.
    body: bytes = b""

    @property
    def interesting_from(self) -> int:
        """Where cuts begin to differ: a head before a body is cut by the cases that are heads."""
        end = self.data.find(b"\r\n\r\n")
        return end if 0 <= end < len(self.data) - 4 else 1


def _get(name: str, fields: bytes, *statuses: int) -> Case:
    return Case(name, _HEAD + fields + b"\r\n", statuses)


def _line(name: str, line: bytes, *statuses: int) -> Case:
    return Case(name, line + b"\r\nHost: a\r\n\r\n", statuses)


def _host(name: str, fields: bytes, *statuses: int) -> Case:
    return Case(name, b"GET /health/liveliness HTTP/1.1\r\n" + fields + b"\r\n", statuses)


def _post(name: str, fields: bytes, *statuses: int, body: bytes = b"") -> Case:
    return Case(name, _POST + fields + b"\r\n" + CHAT_BODY, statuses, body)


def _chunks(name: str, chunks: bytes, *statuses: int, body: bytes = b"") -> Case:
    return Case(name, _POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks, statuses, body)


def _chunked(size: bytes, after: bytes = b"\r\n0\r\n\r\n") -> bytes:
    return size + b"\r\n" + CHAT_BODY + after


# The connection stays open after these.
GOOD = (
    _get("a_plain_get_is_answered", b"", 200),
    Case("one_empty_line_before_the_request_is_ignored", b"\r\n" + _HEAD + b"\r\n", (200,)),
    Case("two_empty_lines_before_the_request_are_ignored", b"\r\n\r\n" + _HEAD + b"\r\n", (200,)),
    _line("the_absolute_form_is_routed_by_its_path", b"GET http://other.example/health/liveliness HTTP/1.1", 200),
    _line("a_query_is_not_part_of_the_path", b"GET /health/liveliness?a=b&c HTTP/1.1", 200),
    _get("an_empty_field_value_is_allowed", b"X-A:\r\n", 200),
    _get("whitespace_around_a_value_is_dropped", b"X-A: \t b \t \r\n", 200),
    _get("a_tab_inside_a_value_is_allowed", b"X-A: b\tc\r\n", 200),
    _get("obs_text_in_a_value_is_allowed", b"X-A: \x80\xff\r\n", 200),
    _get("every_token_character_may_be_in_a_name", b"!#$%&'*+-.^_`|~09azAZ: b\r\n", 200),
    _get("a_get_may_say_that_its_body_is_empty", b"Content-Length: 0\r\n", 200),
    _host("a_host_may_have_a_port", b"Host: a.example:4000\r\n", 200),
    _host("a_host_may_be_an_ipv6_literal", b"Host: [::1]:4000\r\n", 200),
    _host("the_hosts_field_name_is_case_insensitive", b"hOST: a\r\n", 200),
    _line("head_is_answered_without_a_body", b"HEAD /health/liveliness HTTP/1.1", 200),
    _post("a_content_length_body_reaches_the_upstream", b"Content-Length: 33\r\n", 200, body=CHAT_BODY),
    _post("leading_zeros_in_a_content_length_are_digits", b"Content-Length: 0033\r\n", 200, body=CHAT_BODY),
    _chunks("a_chunked_body_reaches_the_upstream", _chunked(b"21"), 200, body=CHAT_BODY),
    _chunks("many_chunks_are_one_body", b"".join(b"1\r\n%c\r\n" % byte for byte in CHAT_BODY) + b"0\r\n\r\n", 200, body=CHAT_BODY),
    _chunks("leading_zeros_in_a_chunk_size_are_not_significant", _chunked(b"00000000000000000021"), 200, body=CHAT_BODY),
    _chunks("chunk_extensions_are_dropped", _chunked(b'21;a;b=c;d="e f"', b"\r\n0;x=y\r\n\r\n"), 200, body=CHAT_BODY),
    _chunks("a_chunk_extension_of_256_bytes_is_dropped", _chunked(b"21;" + b"a" * 255), 200, body=CHAT_BODY),
    _chunks("trailers_are_dropped", _chunked(b"21", b"\r\n0\r\nX-A: b\r\nX-C:\r\n\r\n"), 200, body=CHAT_BODY),
    Case(
        "the_transfer_codings_name_is_case_insensitive",
        _POST + b"transfer-encoding: \tCHUNKed \r\n\r\n" + _chunked(b"21"),
        (200,),
        CHAT_BODY,
    ),
)

# One answer, `Connection: close`, and the end: nothing after these bytes is ever a request.
BAD = (
    Case("three_empty_lines_before_the_request_are_refused", b"\r\n\r\n\r\n" + _HEAD + b"\r\n", (400,)),
    Case("a_bare_lf_instead_of_an_empty_line_is_refused", b"\n" + _HEAD + b"\r\n", (400,)),
    Case("a_request_line_ended_by_lf_is_refused", b"GET /health/liveliness HTTP/1.1\nHost: a\r\n\r\n", (400,)),
    Case("a_field_line_ended_by_lf_is_refused", b"GET /health/liveliness HTTP/1.1\r\nHost: a\n\r\n", (400,)),
    Case("a_head_ended_by_lf_is_refused", _HEAD + b"\n", (400,)),
    Case("lines_ended_by_lf_throughout_are_refused", (_HEAD + b"\r\n").replace(b"\r", b""), (400,)),
    Case("a_request_line_ended_by_cr_is_refused", b"GET /health/liveliness HTTP/1.1\rHost: a\r\n\r\n", (400,)),
    Case("a_request_line_ended_by_crcrlf_is_refused", b"GET /health/liveliness HTTP/1.1\r\r\nHost: a\r\n\r\n", (400,)),
    _get("a_bare_cr_in_a_value_is_refused", b"X-A: b\rX-C: d\r\n", 400),
    _get("a_bare_lf_in_a_value_is_refused", b"X-A: b\nX-C: d\r\n", 400),
    _line("two_spaces_after_the_method_are_refused", b"GET  /health/liveliness HTTP/1.1", 400),
    _line("two_spaces_before_the_version_are_refused", b"GET /health/liveliness  HTTP/1.1", 400),
    _line("a_tab_in_the_request_line_is_refused", b"GET\t/health/liveliness HTTP/1.1", 400),
    _line("a_space_before_the_method_is_refused", b" GET /health/liveliness HTTP/1.1", 400),
    _line("a_space_after_the_version_is_refused", b"GET /health/liveliness HTTP/1.1 ", 400),
    _line("a_space_in_the_target_is_refused", b"GET /health/live liness HTTP/1.1", 400),
    _line("a_method_that_is_no_token_is_refused", b"G@T /health/liveliness HTTP/1.1", 400),
    _line("a_request_line_without_a_method_is_refused", b" /health/liveliness HTTP/1.1", 400),
    _line("a_request_line_without_a_target_is_refused", b"GET HTTP/1.1", 400),
    _line("a_target_without_a_slash_is_refused", b"GET health HTTP/1.1", 400),
    _line("a_nul_in_the_target_is_refused", b"GET /health\0 HTTP/1.1", 400),
    _line("a_del_in_the_target_is_refused", b"GET /health\x7f HTTP/1.1", 400),
    _line("a_raw_8_bit_byte_in_the_target_is_refused", b"GET /health\xc3\xa4 HTTP/1.1", 400),
    _line("http_0_9_is_refused", b"GET /health/liveliness", 400, 505),
    _line("a_lower_case_version_is_refused", b"GET /health/liveliness http/1.1", 400, 505),
    _line("a_version_without_a_dot_is_refused", b"GET /health/liveliness HTTP/11", 400, 505),
    _line("a_version_with_two_digits_is_refused", b"GET /health/liveliness HTTP/1.10", 400, 505),
    _line("a_version_of_another_protocol_is_refused", b"GET /health/liveliness HTTQ/1.1", 400, 505),
    _line("http_1_2_is_505", b"GET /health/liveliness HTTP/1.2", 505),
    _line("http_2_0_is_505", b"GET /health/liveliness HTTP/2.0", 400, 505),
    Case("the_http_2_preface_is_refused", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
    Case("a_tls_hello_is_refused", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", (400, 505)),
    _host("a_missing_host_is_refused", b"X-A: b\r\n", 400),
    _host("two_hosts_are_refused", b"Host: a\r\nHost: a\r\n", 400),
    _host("a_host_with_a_space_is_refused", b"Host: a b\r\n", 400),
    _host("a_host_with_a_path_is_refused", b"Host: a/b\r\n", 400),
    _host("a_host_with_a_query_is_refused", b"Host: a?b\r\n", 400),
    _host("a_host_with_a_fragment_is_refused", b"Host: a#b\r\n", 400),
    _host("a_host_with_userinfo_is_refused", b"Host: u@a\r\n", 400),
    _host("a_host_with_a_comma_list_of_ports_is_refused", b"Host: a:80:81\r\n", 400),
    _host("a_port_that_is_no_number_is_refused", b"Host: a:b\r\n", 400),
    _host("an_unclosed_ipv6_literal_is_refused", b"Host: [::1\r\n", 400),
    _get("a_space_before_the_colon_is_refused", b"X-A : b\r\n", 400),
    _get("a_tab_before_the_colon_is_refused", b"X-A\t: b\r\n", 400),
    _get("a_folded_line_is_refused", b"X-A: b\r\n c\r\n", 400),
    _get("a_line_folded_with_a_tab_is_refused", b"X-A: b\r\n\tc\r\n", 400),
    Case("a_first_field_that_begins_with_a_space_is_refused", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", (400,)),
    _get("a_line_without_a_colon_is_refused", b"X-A\r\n", 400),
    _get("an_empty_name_is_refused", b": b\r\n", 400),
    _get("a_name_with_a_space_is_refused", b"X A: b\r\n", 400),
    _get("a_name_with_a_separator_is_refused", b"X(A): b\r\n", 400),
    _get("a_name_with_an_8_bit_byte_is_refused", b"X\xe9: b\r\n", 400),
    _get("a_nul_in_a_value_is_refused", b"X-A: b\0c\r\n", 400),
    _get("a_control_character_in_a_value_is_refused", b"X-A: b\x1bc\r\n", 400),
    _get("a_vertical_tab_around_a_value_is_refused", b"X-A: \x0bb\r\n", 400),
    _get("a_del_in_a_value_is_refused", b"X-A: b\x7f\r\n", 400),
    *(
        _post(f"a_content_length_of_{name}_is_refused", b"Content-Length: " + value + b"\r\n", 400)
        for name, value in (
            ("plus_33", b"+33"),
            ("minus_1", b"-1"),
            ("nothing", b""),
            ("hex_0x21", b"0x21"),
            ("3_3", b"3_3"),
            ("33_point_0", b"33.0"),
            ("1e1", b"1e1"),
            ("3_space_3", b"3 3"),
            ("a_list_of_equals", b"33, 33"),
            ("a_list_of_differents", b"33, 34"),
            ("two_to_the_64_plus_33", b"18446744073709551649"),
            ("nineteen_digits", b"9" * 19),
            ("other_digits", b"\xef\xbc\x93\xef\xbc\x93"),
        )
    ),
    _post("two_equal_content_lengths_are_refused", b"Content-Length: 33\r\nContent-Length: 33\r\n", 400),
    _post("two_different_content_lengths_are_refused", b"Content-Length: 33\r\nContent-Length: 32\r\n", 400),
    _post("a_content_length_of_18_digits_is_too_large", b"Content-Length: " + b"9" * 18 + b"\r\n", 413),
    _post("content_length_and_chunked_together_is_refused", b"Content-Length: 33\r\nTransfer-Encoding: chunked\r\n", 400),
    _post("chunked_and_content_length_together_is_refused", b"Transfer-Encoding: chunked\r\nContent-Length: 33\r\n", 400),
    *(
        _post(f"a_transfer_encoding_of_{name}_is_refused", b"Transfer-Encoding: " + value + b"\r\n", 400, 501)
        for name, value in (
            ("gzip", b"gzip"),
            ("identity", b"identity"),
            ("nothing", b""),
            ("chunked_twice", b"chunked, chunked"),
            ("gzip_then_chunked", b"gzip, chunked"),
            ("chunked_then_gzip", b"chunked, gzip"),
            ("chunked_with_a_parameter", b"chunked;q=1"),
            ("quoted_chunked", b'"chunked"'),
            ("xchunked", b"xchunked"),
            ("chunked_and_a_comma", b"chunked,"),
            ("chunked_behind_a_vertical_tab", b"\x0bchunked"),
            ("chunked_with_a_kelvin_sign", "chun\u212aed".encode()),
        )
    ),
    _post("two_transfer_encodings_are_refused", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400, 501),
    _post("chunked_then_identity_in_two_fields_is_refused", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", 400, 501),
    Case(
        "chunked_in_http_1_0_is_refused",
        _POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n" + _chunked(b"21"),
        (400, 501),
    ),
    *(
        _chunks(f"a_chunk_size_of_{name}_is_refused", _chunked(value), 400, 413)
        for name, value in (
            ("g", b"g"),
            ("nothing", b""),
            ("plus_21", b"+21"),
            ("minus_1", b"-1"),
            ("0x21", b"0x21"),
            ("space_21", b" 21"),
            ("21_space", b"21 "),
            ("21_tab", b"21\t"),
            ("2_1", b"2_1"),
            ("seventeen_digits", b"1" + b"0" * 14 + b"21"),
            ("all_64_bits", b"f" * 16),
            ("the_sign_bit", b"8" + b"0" * 15),
            ("other_digits", b"\xef\xbc\x92\xef\xbc\x91"),
        )
    ),
    _chunks("an_extension_of_over_256_bytes_is_refused", _chunked(b"21;" + b"a" * 257), 400),
    _chunks("an_extension_with_a_bare_lf_is_refused", b"21;a\nb\r\n" + CHAT_BODY + b"\r\n0\r\n\r\n", 400),
    _chunks("an_extension_with_a_bare_cr_is_refused", b"21;a\rb\r\n" + CHAT_BODY + b"\r\n0\r\n\r\n", 400),
    _chunks("an_extension_with_a_nul_is_refused", _chunked(b"21;a\0"), 400),
    _chunks("a_chunk_line_ended_by_lf_is_refused", b"21\n" + CHAT_BODY + b"\r\n0\r\n\r\n", 400),
    _chunks("chunk_data_followed_by_other_bytes_is_refused", _chunked(b"21", b"XX0\r\n\r\n"), 400),
    _chunks("chunk_data_followed_by_lf_is_refused", _chunked(b"21", b"\n0\r\n\r\n"), 400),
    _chunks("chunk_data_longer_than_its_size_is_refused", _chunked(b"20"), 400),
    _chunks("a_trailer_with_a_space_before_the_colon_is_refused", _chunked(b"21", b"\r\n0\r\nX-A : b\r\n\r\n"), 400),
    _chunks("a_trailer_without_a_colon_is_refused", _chunked(b"21", b"\r\n0\r\nGET / HTTP/1.1\r\n\r\n"), 400),
    _chunks("a_folded_trailer_is_refused", _chunked(b"21", b"\r\n0\r\nX-A: b\r\n c\r\n\r\n"), 400),
    _chunks("a_trailer_ended_by_lf_is_refused", _chunked(b"21", b"\r\n0\r\nX-A: b\n\r\n"), 400),
    _chunks("a_trailer_section_ended_by_lf_is_refused", _chunked(b"21", b"\r\n0\r\nX-A: b\r\n\n"), 400),
)

# Too long to be cut at every offset.
LARGE_GOOD = (
    _line("a_request_line_of_8000_bytes_is_read", b"GET /health/liveliness?" + b"a" * 7968 + b" HTTP/1.1", 200),
    _get("a_field_of_30_kb_is_read", b"X-A: " + b"b" * 30_000 + b"\r\n", 200),
    _get("two_hundred_fields_are_read", b"".join(b"X-%d: b\r\n" % n for n in range(199)), 200),
)
LARGE_BAD = (
    _line("a_request_line_of_over_16_kb_is_414", b"GET /" + b"a" * 17_000 + b" HTTP/1.1", 414),
    _line("a_method_without_end_is_refused", b"A" * 100_000, 400, 414, 431),
    _get("a_head_of_over_64_kb_is_431", b"X-A: " + b"b" * 70_000 + b"\r\n", 431),
    _get("a_head_of_many_fields_of_over_64_kb_is_431", b"".join(b"X-%d: %s\r\n" % (n, b"b" * 1000) for n in range(70)), 431),
    _get("two_hundred_and_one_fields_are_431", b"".join(b"X-%d: b\r\n" % n for n in range(200)), 431),
    _get("a_field_without_end_is_431", b"X-A: " + b"b" * 200_000, 431),
    _chunks("trailers_of_over_8_kb_are_refused", _chunked(b"21", b"\r\n0\r\n" + b"X-A: %s\r\n" % (b"b" * 1000) * 9 + b"\r\n"), 400, 431),
    _chunks("extensions_of_over_4_kb_in_a_request_are_refused", b"".join(b"1;%s\r\n{\r\n" % (b"a" * 250) for _ in range(20)), 400),
    _chunks("a_chunk_line_without_end_is_refused", b"1" * 10_000, 400, 413),
)
