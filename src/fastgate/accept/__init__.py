"""The first step: listening sockets, and the processes that accept from them."""
