"""Every way a request can fail, classed by who must act.

An error has a `status` (RFC 9110), a stable `code` that logs and callers may rely on, the `kind` that
dialects name in their error bodies, and `retry`: may the next deployment be tried?
A message says what was seen, what was expected and what to do. No secret ever enters one.
"""


class GatewayError(Exception):
    """Base of all errors that a caller can be answered with."""

    status = 500
    code = "internal_error"
    kind = "internal_error"
    retry = False

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_s = retry_after_s


class ClientError(GatewayError):
    """The caller must change the request."""

    status = 400
    code = "invalid_request"
    kind = "invalid_request"


class FramingError(ClientError):
    """The bytes are not an HTTP/1.1 message; the connection is closed after the answer."""

    code = "bad_http"


class InvalidBody(ClientError):
    """The body is not the JSON (or form) that the endpoint takes."""

    code = "invalid_body"


class UnsupportedParameter(ClientError):
    """A parameter that the deployment cannot be asked for."""

    code = "unsupported_parameter"


class NoDeploymentFits(ClientError):
    """No deployment of the model is for a request with these tags, in that region, or may be sent so much."""

    code = "no_deployment_fits"


class ContextLengthExceeded(ClientError):
    """The prompt is longer than the model's context window."""

    code = "context_length_exceeded"


class Unauthenticated(ClientError):
    status = 401
    code = "invalid_api_key"
    kind = "authentication"


class Forbidden(ClientError):
    status = 403
    code = "forbidden"
    kind = "permission"


class UnknownPath(ClientError):
    status = 404
    code = "unknown_path"
    kind = "not_found"


class UnknownModel(ClientError):
    status = 404
    code = "model_not_found"
    kind = "not_found"


class MethodNotAllowed(ClientError):
    status = 405
    code = "method_not_allowed"


class RequestTimeout(ClientError):
    """The client was too slow to send its request."""

    status = 408
    code = "request_timeout"
    kind = "timeout"


class BodyTooLarge(ClientError):
    status = 413
    code = "body_too_large"
    kind = "request_too_large"


class TargetTooLong(ClientError):
    status = 414
    code = "target_too_long"


class ExpectationFailed(ClientError):
    status = 417
    code = "expectation_failed"


class UnsupportedEncoding(ClientError):
    status = 415
    code = "unsupported_content_encoding"


class HeadTooLarge(ClientError):
    status = 431
    code = "head_too_large"


class DialectMismatch(ClientError):
    """The model is served in another dialect than the caller's and no translation exists."""

    status = 501
    code = "dialect_not_supported"
    kind = "not_supported"


class TransferCodingNotSupported(ClientError):
    status = 501
    code = "transfer_coding_not_supported"


class VersionNotSupported(ClientError):
    status = 505
    code = "http_version_not_supported"


class PolicyError(GatewayError):
    """Our own limits said no; the same request may succeed later."""

    status = 429
    code = "rate_limited"
    kind = "rate_limit"


class Overloaded(PolicyError):
    """The gateway itself has no room left."""

    status = 503
    code = "overloaded"
    kind = "overloaded"


class QueueFull(Overloaded):
    """A request would wait too long for a deployment to have room for it."""

    code = "queue_full"


class UpstreamError(GatewayError):
    """The provider failed or broke its protocol."""

    status = 502
    code = "upstream_error"
    kind = "upstream"
    retry = True


class UpstreamUnreachable(UpstreamError):
    status = 503
    code = "upstream_unreachable"


class CredentialsUnavailable(UpstreamError):
    """No credentials could be got for a provider; the message says from where and why, never what."""

    status = 503
    code = "upstream_credentials"


class UpstreamProtocolError(UpstreamError):
    code = "upstream_protocol"


class UpstreamCut(UpstreamError):
    """The upstream closed before its answer was complete."""

    status = 503
    code = "upstream_cut"


class UpstreamTimeout(UpstreamError):
    status = 504
    code = "upstream_timeout"
    kind = "timeout"


class InternalError(GatewayError):
    """Our own bug: logged with a traceback, answered without detail."""


class ConfigError(Exception):
    """The configuration cannot be used; `findings` are printable lines, each with file:line:column; `notes` what is odd beside them."""

    def __init__(self, findings: list[str], notes: tuple[str, ...] = ()) -> None:
        super().__init__("\n".join(findings))
        self.findings = findings
        self.notes = notes


def _subclasses(root: type[GatewayError]) -> list[type[GatewayError]]:
    return [root, *(found for child in root.__subclasses__() for found in _subclasses(child))]


BY_CODE: dict[str, type[GatewayError]] = {error.code: error for error in reversed(_subclasses(GatewayError))}
