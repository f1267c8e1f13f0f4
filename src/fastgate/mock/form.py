"""Multipart forms, as far as the mock reads them."""

from email.message import Message

from fastgate.errors import InvalidBody


def parse_form(content_type: str, body: bytes) -> dict[str, object]:
    """Return the fields of a multipart/form-data body: text as str, files as bytes beside `NAME.filename`."""
    head = Message()
    head["content-type"] = content_type
    boundary = head.get_param("boundary")
    if head.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise InvalidBody(f'expected multipart/form-data with a boundary, got content-type "{content_type}"')
    fields: dict[str, object] = {}
    delimiter = b"\r\n--" + boundary.encode()
    parts = (b"\r\n" + body).split(delimiter)
    if len(parts) < 2 or not parts[-1].startswith(b"--"):
        raise InvalidBody("the form has no end")
    for part in parts[1:-1]:
        raw_head, blank, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        if not blank:
            raise InvalidBody("a part of the form has no end of its fields")
        name, filename = _names(raw_head)
        if filename is None:
            fields[name] = content.decode("utf-8", "replace")
        else:
            fields[name] = content
            fields[f"{name}.filename"] = filename
    return fields


def _names(raw_head: bytes) -> tuple[str, str | None]:
    part = Message()
    for line in raw_head.decode("utf-8", "replace").split("\r\n"):
        field, _, value = line.partition(":")
        if field.strip().lower() == "content-disposition":
            part["content-disposition"] = value.strip()
    name = part.get_param("name", header="content-disposition")
    filename = part.get_filename()
    if not isinstance(name, str):
        raise InvalidBody("a part of the form has no name")
    return name, filename
