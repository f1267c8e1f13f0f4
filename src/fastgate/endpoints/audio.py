"""/v1/audio (OpenAI): speech answers with bytes, transcriptions and translations take a form with a file."""

from fastgate.endpoints.endpoint import Body, Endpoint, with_deployments


def _audio(path: str, operation: str, body: Body) -> Endpoint:
    return Endpoint(
        method="POST",
        paths=with_deployments(path),
        dialect="openai_chat",
        operation=operation,
        target=path,
        body=body,
        streams=True,
        needs_model=True,
    )


ENDPOINTS = (
    _audio("/audio/speech", "speech", "json"),
    _audio("/audio/transcriptions", "transcription", "multipart"),
    _audio("/audio/translations", "translation", "multipart"),
)
