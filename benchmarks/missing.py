"""What a benchmark needs and this machine does not have."""


class Missing(Exception):
    """Something is not installed; the message says what brings it: *package* is Debian's unless *how* says otherwise."""

    def __init__(self, what: str, package: str, how: str = "on Debian or Ubuntu: apt-get install") -> None:
        super().__init__(f"{what} is not installed; {how} {package}")
