# The one part of a multipart/form-data body (RFC 7578) that matters: the form field `model`.


cdef int find_form_model(RequestScan *s, const uint8_t *p, Py_ssize_t n, bytes content_type) except -1:
    """Note where the value of the field `model` stands, as if it were in quotes: [model_at + 1, model_end - 1).

    Return 0, also if there is none, or JSON_SYNTAX if the body does not follow its boundary.
    """
    cdef bytes body = bytes_of(p, n)
    cdef bytes boundary = form_boundary(content_type)
    cdef Py_ssize_t at, head_end, end
    memset(s, 0, sizeof(RequestScan))
    if boundary is None:
        return JSON_SYNTAX
    if not body.startswith(b"--" + boundary):
        return JSON_SYNTAX
    at = len(boundary) + 2
    while body[at:at + 2] == b"\r\n":
        end = body.find(b"\r\n--" + boundary, at)
        if end < 0:
            return JSON_SYNTAX
        # Within the part: looking on to the body's end for each part takes quadratic time.
        head_end = body.find(b"\r\n\r\n", at, end + 4)
        if head_end < 0:
            return JSON_SYNTAX
        if head_end + 4 <= end + 2 and form_field_name(body[at:head_end]) == b"model":
            if s.model_end:
                return JSON_DUPLICATE
            s.model_at = head_end + 3
            s.model_end = max(end, head_end + 4) + 1
            s.model_is_string = True
        at = end + 4 + len(boundary)
    return 0 if body[at:at + 2] == b"--" else JSON_SYNTAX


cdef bytes form_boundary(bytes content_type):
    """Return the boundary parameter of a multipart/form-data content type, or None. RFC 2046 5.1.1."""
    cdef bytes kind, parameter, name, value
    if content_type is None:
        return None
    kind, *parameters = content_type.split(b";")
    if kind.strip(b" \t").lower() != b"multipart/form-data":
        return None
    for parameter in parameters:
        name, _, value = parameter.partition(b"=")
        if name.strip(b" \t").lower() == b"boundary":
            value = value.strip(b" \t")
            if len(value) > 2 and value.startswith(b'"') and value.endswith(b'"'):
                value = value.strip(b'"')
            return value if 1 <= len(value) <= 70 else None
    return None


cdef bytes form_field_name(bytes head):
    """Return the `name` of a part's Content-Disposition, or None."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip(b" \t").lower() != b"content-disposition":
            continue
        for parameter in value.split(b";")[1:]:
            key, _, text = parameter.partition(b"=")
            if key.strip(b" \t").lower() == b"name":
                return text.strip(b" \t").strip(b'"')
    return None
