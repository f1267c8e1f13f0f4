"""What a benchmark needs and this machine does not have."""


class Missing(Exception):
    """Something is not installed; the message says which Debian package brings it."""

    def __init__(self, what: str, package: str) -> None:
        super().__init__(f"{what} is not installed; on Debian or Ubuntu: apt-get install {package}")
