"""What supervisor and worker say to each other over the socket pair that ties their lives.

Its end is a message too: a worker that reads end-of-file has lost its supervisor and drains by itself; a pair needs no signal,
so nothing is lost between fork and a handler, and a signal to the whole process group is not counted twice.
"""

# Worker to supervisor: all sockets are being accepted from.
READY = b"r"
# Worker to supervisor: it cannot start; the rest up to end-of-file is UTF-8 text for the person who started it.
FAILED = b"x"
# Supervisor to worker: no new requests, end when the open ones have.
DRAIN = b"d"
# Supervisor to worker: end now.
STOP = b"s"

# Exit codes of a worker; the command's own are in cli.
ENDED = 0
# Connections were open when it had to end.
CUT = 1
CONFIG_INVALID = 3
# sysexits.h EX_SOFTWARE: an exception nobody caught; its traceback is on stderr.
CRASHED = 70
