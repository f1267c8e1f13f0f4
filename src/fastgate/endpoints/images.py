"""/v1/images (OpenAI). https://platform.openai.com/docs/api-reference/images"""

from fastgate.endpoints.endpoint import Body, Endpoint, both, with_deployments


def _image(path: str, operation: str, body: Body) -> Endpoint:
    paths = with_deployments(path) if body == "json" else both(path)
    return Endpoint(method="POST", paths=paths, dialect="openai_chat", operation=operation, target=path, body=body, streams=True)


ENDPOINTS = (
    _image("/images/generations", "image_generation", "json"),
    _image("/images/edits", "image_edit", "multipart"),
    _image("/images/variations", "image_variation", "multipart"),
)
