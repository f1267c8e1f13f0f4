# The state of the compiled core: every struct and class, each field with its unit or invariant, and the step that
# writes it. Behaviour is in the parts that _core.pyx includes.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.buffer cimport PyBUF_READ, PyBUF_WRITE
from cpython.memoryview cimport PyMemoryView_FromMemory
cimport cython
from cython cimport final
from libc.errno cimport EAGAIN, EINPROGRESS, EINTR, EMFILE, ENFILE, errno
from libc.math cimport exp, fabs, floor, log, pow
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp, memcpy, memset, strlen
from posix.time cimport CLOCK_MONOTONIC, CLOCK_REALTIME, clock_gettime, timespec
from posix.uio cimport iovec


# --- frame

# Bytes that had to be kept: data[start .. end) is what is left; `size` bytes are allocated.
cdef struct Buffer:
    uint8_t *data
    Py_ssize_t start
    Py_ssize_t end
    Py_ssize_t size

# Borrowed bytes.
cdef struct Span:
    const uint8_t *at
    Py_ssize_t n

cdef enum:
    MAX_FIELDS = 512

cdef struct Field:
    Span name
    Span value
    # FIELD_* or 0.
    int known
    # 1: a client's field that goes upstream; 2: an upstream's that goes to the client.
    uint8_t passed

# A parsed head; points into the bytes it was parsed from.
cdef struct Head:
    Span method
    Span target
    Span path
    Span query
    # 0 or 1 of HTTP/1.x.
    int minor
    int status
    int count
    # -1: none given.
    int64_t content_length
    bint chunked
    bint close
    bint keep
    # A Connection field names fields beside close and keep-alive.
    bint nominated
    bint te_seen
    bint host_seen
    Field fields[512]

cdef struct HeadSearch:
    # Bytes looked at, and where the line being looked at starts.
    Py_ssize_t scanned
    Py_ssize_t line_at
    Py_ssize_t line_limit
    Py_ssize_t head_limit

cdef enum Fault:
    FAULT_NONE = 0
    FAULT_BARE_LF
    FAULT_BARE_CR
    FAULT_EMPTY_LINES
    FAULT_REQUEST_LINE
    FAULT_TARGET
    FAULT_VERSION
    FAULT_FIELD_NAME
    FAULT_FOLD
    FAULT_FIELD_VALUE
    FAULT_HOST
    FAULT_CONTENT_LENGTH
    FAULT_LENGTH_AND_CHUNKED
    FAULT_TRANSFER_ENCODING
    FAULT_CODING
    FAULT_CHUNK
    FAULT_TRAILER
    FAULT_LINE_LONG
    FAULT_HEAD_LARGE
    FAULT_FIELD_COUNT
    FAULT_BODY_LARGE
    FAULT_STATUS_LINE

cdef enum:
    FIELD_HOST = 1
    FIELD_ACCEPT = 2
    FIELD_EXPECT = 3
    FIELD_ORIGIN = 4
    FIELD_API_KEY = 5
    FIELD_UPGRADE = 6
    FIELD_X_API_KEY = 7
    FIELD_CONNECTION = 8
    FIELD_REQUEST_ID = 9
    FIELD_RETRY_AFTER = 11
    FIELD_CONTENT_TYPE = 13
    FIELD_X_REQUEST_ID = 14
    FIELD_AUTHORIZATION = 15
    FIELD_CONTENT_LENGTH = 16
    FIELD_X_GOOG_API_KEY = 19
    FIELD_RETRY_AFTER_MS = 20
    FIELD_ACCEPT_ENCODING = 22
    FIELD_X_FASTGATE_MODEL = 24
    FIELD_CONTENT_ENCODING = 25
    FIELD_TRANSFER_ENCODING = 26
    FIELD_ANTHROPIC_VERSION = 27
    FIELD_X_LITELLM_API_KEY = 28
    FIELD_REQUESTED_HEADERS = 32
    FIELD_X_LITELLM_TAGS = 33
    FIELD_X_LITELLM_SESSION_ID = 34
    FIELD_X_FASTGATE_PRIORITY = 35

cdef enum ChunkState:
    CHUNK_SIZE
    CHUNK_EXTENSION
    CHUNK_SIZE_LF
    CHUNK_CONTENT
    CHUNK_CONTENT_CR
    CHUNK_CONTENT_LF
    CHUNK_TRAILER_START
    CHUNK_TRAILER_NAME
    CHUNK_TRAILER_VALUE
    CHUNK_TRAILER_LF
    CHUNK_END_LF

cdef enum:
    CHUNKED_CONTENT = -1
    CHUNKED_MORE = -2
    CHUNKED_DONE = -3

cdef struct Chunked:
    int state
    int digits
    # Bytes of the present line's extension or of the trailer section, and of all extensions.
    int line
    int extensions
    # Content left in this chunk; content announced so far; bounds of both.
    int64_t left
    int64_t total
    int64_t limit
    int64_t chunk_limit

cdef enum JsonFault:
    JSON_VALID = 0
    JSON_NOT_OBJECT
    JSON_SYNTAX
    JSON_STRING
    JSON_UTF8
    JSON_NUMBER
    JSON_DEPTH
    JSON_DUPLICATE
    JSON_TRUNCATED
    JSON_TRAILING

cdef enum:
    WANT_VALUE
    WANT_VALUE_OR_END
    WANT_KEY
    WANT_KEY_OR_END
    AFTER_VALUE

cdef enum:
    MEMBER_OTHER = 0
    MEMBER_MODEL = 1
    MEMBER_STREAM = 2
    MEMBER_STREAM_OPTIONS = 3
    MEMBER_INCLUDE_USAGE = 4
    MEMBER_PREVIOUS_RESPONSE_ID = 5
    # A bound of the output, whatever a dialect calls it.
    MEMBER_MAX_TOKENS = 6
    # From here on they are the gateway's own: no provider gets them.
    MEMBER_OWN = 7
    OWN_MEMBERS = 14

cdef enum:
    # Of what a request says of its priority; 0 is the most important.
    MOST_PRIORITY = 10000

# What scan_request noted of a request body; offsets into it, spans are [at, end).
cdef struct RequestScan:
    Py_ssize_t fault_at
    # Bit m: member m was seen.
    int seen
    Py_ssize_t model_at
    Py_ssize_t model_end
    bint model_is_string
    int model_escaped
    bint stream
    bint stream_is_bool
    Py_ssize_t options_at
    Py_ssize_t options_end
    # Behind the brace that opens stream_options; 0 if it is no object.
    Py_ssize_t options_open
    bint options_empty
    Py_ssize_t include_at
    Py_ssize_t include_end
    bint include_usage
    Py_ssize_t previous_at
    Py_ssize_t previous_end
    # 0: the body names none.
    int64_t max_tokens
    # Behind the brace that opens the body, and the one that closes it.
    Py_ssize_t open_at
    Py_ssize_t close_at
    # Members of our own, in the order of the body: the key's quote, the value, which member.
    int own_count
    Py_ssize_t own_key_at[14]
    Py_ssize_t own_at[14]
    Py_ssize_t own_end[14]
    int own_member[14]

cdef enum:
    KEY_NONE = 0
    KEY_OTHER = 1
    KEY_MODEL = 2
    KEY_USAGE = 3
    KEY_ID = 4
    KEY_CHOICES = 5
    KEY_ENVELOPE = 6
    KEY_INPUT_TOKENS = 10
    KEY_OUTPUT_TOKENS = 11
    KEY_CACHE_READ_TOKENS = 12
    KEY_CACHE_WRITE_TOKENS = 13
    KEY_REASONING_TOKENS = 14
    # Ollama counts at the top, not in an object of usage.
    KEY_PROMPT_EVAL_COUNT = 20
    KEY_EVAL_COUNT = 21

cdef enum:
    STRING_NONE = 0
    STRING_TEXT
    STRING_KEY
    STRING_MODEL
    STRING_CLOSED_MODEL
    STRING_ID

cdef enum:
    ANSWER_MORE = 0
    ANSWER_MODEL_START
    ANSWER_MODEL_END

# Where scan_answer stands in an answer's JSON, and what it has learned.
cdef struct AnswerScan:
    int depth
    uint8_t string
    # The next byte is escaped by a backslash before it.
    int escape
    # Inside the object under `message` or `response` at the top.
    bint envelope
    # Depth of the usage object being read; 0 outside.
    int usage_depth
    int key
    int key_n
    uint8_t key_text[32]
    # Usage counter whose digits are being read; KEY_NONE otherwise.
    int counter
    bint choices_open
    # Of the present JSON text: `choices` is [], a usage object was seen, the outermost value is closed.
    bint choices_empty
    bint usage_seen
    bint finished
    # Tokens by kind, in the order of KEY_INPUT_TOKENS ..., the latest word of the provider.
    int64_t usage[5]
    int id_n
    uint8_t id_text[96]

cdef struct EventSearch:
    Py_ssize_t scanned
    Py_ssize_t line_at


# --- accept: descriptors, timers, sockets

cdef enum:
    WHEEL_SLOTS = 1024
    GATHER_PIECES = 64

# Output being put together for one send: pieces[0] is the head, pieces[1] the chunk-size line, both may be empty.
cdef struct Gather:
    iovec pieces[64]
    int count
    # Small pieces are copied here, one behind the other; large ones are referenced where they are.
    uint8_t *arena
    Py_ssize_t used
    Py_ssize_t size
    # Bytes in pieces[2:].
    Py_ssize_t content


# A send of outbox[at .. at + n) to be made when the batch is over.
cdef struct Held:
    void *connection
    Py_ssize_t at
    Py_ssize_t n


@final
cdef class Poller:
    # One epoll descriptor, watched by the event loop; -1 once closed.
    cdef readonly int epoll_fd
    cdef int timer_fd
    cdef bint timer_armed
    # A listener found no descriptor for a connection.
    cdef bint starved
    # The event loop's own descriptor while `wait` is used; -1 while the loop watches ours.
    cdef int loop_fd
    # The loop has something to do: `wait` returns to it.
    cdef bint loop_turn
    # A tick is over.
    cdef bint ticked
    # Every open connection and listener: keeps them alive while epoll points at them.
    cdef set live
    # Closed while a batch of events is being handled; freed behind it, since the batch may still point at them.
    cdef list closed
    # Received bytes lie here while they are handled; nothing may refer to them afterwards.
    cdef uint8_t *scratch
    # Encrypted bytes on their way in or out.
    cdef uint8_t *sealed
    cdef Gather gather
    # A batch of events is being handled: small sends are held until it is over, their bytes in `outbox`.
    cdef bint batch
    cdef uint8_t *outbox
    cdef Py_ssize_t held_bytes
    cdef Held held[256]
    cdef int held_count
    # Of the last receive: READ_FULL, READ_SHORT or READ_NOTHING.
    cdef int last_read
    # Monotonic clock, read once per batch of events.
    cdef int64_t now_us
    # Timer wheel of borrowed Connections; slot of tick t is t mod WHEEL_SLOTS.
    cdef void *wheel[1024]
    cdef int64_t tick
    cdef int timers
    cdef readonly int connections
    cdef readonly int upstreams
    cdef readonly int exchanges
    # Flushed with each tick: the loop needs no timer of its own, which would be set anew for every wait.
    cdef AccessLog log
    # Requests to be made again once the batch is over: nothing of the failed attempt is in hand any more.
    cdef list again
    # A batch of events is being handled.
    cdef bint handling
    # Called with an exception that nobody expected.
    cdef public object on_exception


@final
cdef class Tls:
    # Encrypted bytes in and out, and the session between them with its methods.
    cdef object arrived
    cdef object leaving
    cdef object session
    cdef object read
    cdef object write
    cdef object pending
    # The peer said close_notify.
    cdef bint closed
    # Why the session cannot go on; None while it can.
    cdef str reason


cdef class Watched:
    cdef Poller poller
    # -1 once closed.
    cdef int fd
    # epoll events asked for; EPOLLET comes on top for connections.
    cdef uint32_t interest
    cdef bint edge
    cdef int on_event(self, uint32_t events) except -1
    cdef int on_exception(self) except -1


cdef class Connection(Watched):
    # Monotonic; 0: none. Moving it later costs nothing, the wheel looks again when it gets there.
    cdef int64_t deadline_us
    # Tick this connection is filed under, and its neighbours there; -1: not filed.
    cdef int64_t timer_tick
    cdef void *timer_next
    cdef void *timer_before
    # Output the socket did not take yet.
    cdef Buffer out
    # The poller's outbox has output of this connection, which comes before any other.
    cdef bint holds
    # None: plain. `out` holds encrypted bytes.
    cdef Tls tls
    cdef int on_deadline(self) except -1
    cdef int on_kept(self) except -1
    cdef int on_unsent(self) except -1


@final
cdef class Listener(Watched):
    cdef object sock
    cdef Service service


cdef class Service:
    # Bounds for what clients send; set once.
    cdef Py_ssize_t line_limit
    cdef Py_ssize_t head_limit
    cdef int field_limit
    cdef int64_t body_limit
    cdef int64_t chunk_limit
    cdef int64_t head_timeout_us
    cdef int64_t body_timeout_us
    cdef int64_t write_timeout_us
    cdef int64_t keepalive_timeout_us
    cdef int connection_limit
    # Requests in flight, and bytes of their bodies that are held, with what they announce; more are refused.
    cdef int request_limit
    cdef int64_t bodies_limit
    cdef int64_t bodies_bytes
    # No new requests: idle connections are closed, answers say Connection: close.
    cdef readonly bint draining
    cdef int on_head(self, ClientConnection client, Head *head) except -1
    cdef int on_piece(self, ClientConnection client, Py_ssize_t n) except -1
    cdef int on_message(self, ClientConnection client) except -1
    cdef int on_fault(self, ClientConnection client, str code, str message) except -1
    cdef int on_gone(self, ClientConnection client) except -1
    cdef int on_drained(self, ClientConnection client) except -1
    cdef int on_answer_deadline(self, ClientConnection client) except -1
    cdef int on_bug(self, ClientConnection client) except -1

cdef enum ClientState:
    CLIENT_HEAD      # waiting for a request head
    CLIENT_BODY      # reading the body
    CLIENT_ANSWER    # the request is complete and being answered
    CLIENT_DISCARD   # answered early; the rest of the body is dropped
    CLIENT_LINGER    # said goodbye; what still comes is dropped for a moment, so that the answer is not lost to a RST
    CLIENT_CLOSED


@final
cdef class ClientConnection(Connection):
    cdef Service service
    cdef int state
    # Bytes received and not parsed yet.
    cdef Buffer inbound
    cdef HeadSearch search
    # Empty lines seen before the request line.
    cdef int empty_lines
    # Request body, decoded; its announced length or -1 while chunked.
    cdef Buffer body
    cdef int64_t body_length
    cdef int64_t body_received
    cdef Chunked chunked
    # Of the request being answered.
    cdef int minor
    cdef bint head_method
    cdef bint keep_alive
    cdef bint expect_continue
    # Guards against re-entry: feed is running.
    cdef bint feeding
    # A send failed: nothing more is sent, and the next event closes it.
    cdef bint broken
    cdef bint loopback
    # There is no caller: what is sent is dropped, nothing is ever read, and `fd` is SINK_FD, which is no descriptor.
    cdef bint sink
    # Whose it is, as far as its address says: IPv4, or the network of IPv6 (/64).
    cdef uint64_t address
    # When the present state was entered or the head's first byte came.
    cdef int64_t since_us
    # Whatever the service attached to the request in hand.
    cdef object attached
    # Answer framing chosen by relay: an HTTP/1.1 chunked body is open.
    cdef bint chunked_answer
    cdef int feed(self, const uint8_t *p, Py_ssize_t n, Py_ssize_t *consumed) except -1
    cdef int feed_head(self, const uint8_t *p, Py_ssize_t n, Py_ssize_t *consumed) except -1
    cdef int feed_body(self, const uint8_t *p, Py_ssize_t n, Py_ssize_t *consumed) except -1
    cdef int feed_kept(self) except -1
    cdef int begin_body(self, Head *head) except -1
    cdef int message_complete(self) except -1
    cdef int on_readable(self) except -1
    cdef int on_eof(self) except -1
    cdef int finish(self) except -1
    cdef int linger(self) except -1
    cdef int fault(self, int fault) except -1
    cdef int send_gathered(self) except -1


@final
cdef class Responder(Service):
    cdef object callback


@final
cdef class Request:
    cdef ClientConnection client
    cdef readonly bytes method
    cdef readonly bytes target
    cdef bytes head
    cdef readonly bytes body
    cdef readonly bint keep_alive
    cdef readonly bint gone
    cdef public object on_gone


# --- authenticate


@final
cdef class Keys:
    # Accepted keys, as bytes; compared in time that depends on the caller's length alone.
    cdef tuple accepted
    cdef bint check(self, const uint8_t *key, Py_ssize_t n) noexcept


# --- limit

cdef enum:
    # Cells that one request can be charged in together.
    MAX_ASKS = 16

# What the units of a cell are.
cdef enum:
    COUNTED_REQUESTS = 0
    COUNTED_TOKENS = 1
    COUNTED_INPUT_TOKENS = 2
    COUNTED_OUTPUT_TOKENS = 3
    COUNTED_KINDS = 4

cdef struct Rate:
    # What a unit costs, rounded up; 1 at least.
    int64_t increment_ns
    # What the units that may be taken at once cost.
    int64_t burst_ns

# Units wanted from a cell.
cdef struct Ask:
    int64_t *cell
    Rate rate
    int64_t units
    # COUNTED_*
    int counted

# Units taken from a cell, as they were charged.
cdef struct Loan:
    int64_t *cell
    int64_t increment_ns
    int64_t taken_ns
    # COUNTED_*
    int counted

# What a request has borrowed until it is known what it used.
cdef struct Borrowed:
    # 0: nothing, or settled.
    int count
    # Of the asks that were refused: the one to wait longest for.
    int refused
    Loan loans[16]


@final
cdef class RateLimit:
    cdef Rate rate
    cdef readonly int64_t limit
    # Units that may be taken at once.
    cdef readonly int64_t burst


@final
cdef class Cells:
    cdef uint8_t[::1] memory
    cdef int64_t *words
    cdef readonly int count


@final
cdef class BorrowedUnits:
    cdef Cells cells
    cdef Borrowed borrowed
    # Until it would be there: -1 never, 0 all was taken.
    cdef readonly int64_t wait_ns
    # The ask to wait longest for; -1: none was refused.
    cdef readonly int refused


# What an answer's head says of one limit; -1: nothing.
cdef struct Said:
    int64_t limit
    int64_t remaining
    # Until the whole limit is there again, and how far that may be off.
    int64_t reset_ns
    int64_t reset_error_ns

cdef struct HeadLimits:
    # By what is counted.
    Said said[4]
    # -1: not said.
    int64_t retry_after_ns

# What one attempt counts for in the mirror; lies in its exchange. All zero: nothing.
cdef struct Mirrored:
    bint open
    int account
    int64_t dispatched_ns
    # Estimates, by what is counted, and the units that the account had been sent then, these among them.
    int64_t units[4]
    int64_t marks[4]
    # First the configured cells, then the mirrored.
    Borrowed borrowed
    int configured


@final
cdef class Mirror:
    cdef uint8_t[::1] memory
    cdef int64_t *words
    cdef readonly int accounts
    cdef readonly int deployments
    # Configured requests and tokens of each deployment; an increment of 0: none. Not shared: the configuration is.
    cdef Rate *configured


@final
cdef class MirroredRequest:
    cdef Mirror mirror
    cdef Mirrored mirrored
    # Until it could be sent: -1 never, 0 it was.
    cdef readonly int64_t wait_us


# --- route

@final
cdef class Owners:
    cdef uint8_t[::1] memory
    cdef uint64_t *words
    # Of a row's first word.
    cdef uint64_t mask


@final
cdef class Deployment:
    cdef readonly bytes deployment_id
    # `x-fastgate-deployment: ...` and kin, CRLF behind each.
    cdef bytes answer_fields
    # Inside of a JSON string: what the upstream is asked for.
    cdef bytes model
    cdef Pool pool
    # Endpoint dialects it understands as they are.
    cdef readonly frozenset native
    cdef uint32_t native_bits
    # Kinds of operation (KINDS) that it can be asked for in other words; and Python's part of that.
    cdef uint32_t kind_bits
    cdef readonly object speech
    # Bytes one of which stands in a body that the provider must get changed; empty: none has to be.
    cdef tuple changed_for
    # Where its token or its keys come from; None: it has a key of its own, or needs none.
    cdef readonly object credentials
    cdef readonly str dialect
    # Operation index -> head of an upstream request up to the client's fields; None until first used.
    cdef list targets
    cdef dict other_targets
    cdef object build_target
    # Sent when the caller names no version of the dialect; with CRLF.
    cdef bytes version_field
    cdef bytes secret
    cdef int64_t timeout_us
    cdef int64_t stream_timeout_us
    cdef int64_t gap_timeout_us
    # Dispatch to the first content of a stream; 0: no bound of its own.
    cdef int64_t first_token_us
    # Streams may be asked for usage.
    cdef bint stream_usage
    # Number of its base URL and key among those of the configuration; the same in every worker.
    cdef readonly int account
    # How often a request is made again after a failure of each class, FAILURE_*.
    cdef int retries[9]
    # Those with a lower one are asked first; ORDER_LAST: it has none.
    cdef readonly int order
    # Its place in model_list: what all workers call it. And the number of what its provider counts together.
    cdef readonly int number
    cdef readonly int quota


cdef enum:
    # What failed, by who could do better: route/failures.py has the same in words.
    FAILURE_CANCELLED = -2      # nobody waits for the answer any more
    FAILURE_NONE = -1           # ours: it would fail anywhere
    FAILURE_CALLER = 0
    FAILURE_NOT_FOUND = 1
    FAILURE_CONTEXT_WINDOW = 2
    FAILURE_CONTENT_POLICY = 3
    FAILURE_KEY = 4             # from here on it is the deployment's
    FAILURE_RATE_LIMIT = 5
    FAILURE_TIMEOUT = 6
    FAILURE_UNAVAILABLE = 7
    FAILURE_SERVER = 8


@final
cdef class Group:
    # As the caller names it.
    cdef readonly bytes name
    # Inside of a JSON string.
    cdef readonly bytes literal
    cdef readonly tuple deployments
    # What all workers call it: requests of one number are alike, and wait in one line.
    cdef readonly int number
    # STRATEGY_*.
    cdef int strategy
    # Whose requests it answers in that one's name; None: its own.
    cdef readonly Group canary_of
    # Not all deployments have the same order.
    cdef bint ordered
    # Who takes too long is asked for at another deployment too.
    cdef readonly bint hedged


# --- route: which deployment is expected to answer first, as all workers see it

cdef enum:
    # Deployments compared for one request; of more, a sample.
    MAX_PROSPECTS = 64
    SAMPLED_PROSPECTS = 8
    # Numbers at a time whose power is kept.
    POWERS = 33

cdef enum Strategy:
    STRATEGY_EXPECTED_LATENCY
    STRATEGY_SIMPLE_SHUFFLE
    STRATEGY_ROUND_ROBIN
    STRATEGY_LEAST_BUSY
    STRATEGY_LATENCY_BASED
    STRATEGY_USAGE_BASED
    STRATEGY_COST_BASED

cdef enum:
    # Of fleet_pick: no candidate is left; none should be asked now.
    PICK_NONE = -1
    PICK_HOLD = -2

# A request, as far as it matters here.
cdef struct Asked:
    int group
    # The whole answer comes at once: its first byte is nearly its last.
    bint whole
    double prompt_tokens
    # Bound of the output, 0: none given.
    double max_tokens
    # Those held back for a deployment stand behind it: a slot that is free is its own.
    bint in_turn

# One deployment that might be asked.
cdef struct Candidate:
    int deployment
    # Asked before, or cannot serve this request.
    bint excluded
    # Prompt tokens that it has kept from earlier requests.
    double cached_tokens
    # A rate limit admits the request then, 0: now; and one more each time so long after the last.
    int64_t not_before_us
    int64_t interval_us

# What fleet_pick decided, for fleet_dispatched.
cdef struct Choice:
    # Of the candidates; PICK_NONE or PICK_HOLD.
    int at
    int deployment
    # PICK_HOLD: when to ask again, if no request ends before; 0: when one ends. And how long it is until one ends.
    int64_t until_us
    double first_s
    # Little is measured: the times are guesses. Where all slots are taken: how long the request takes, and how long one after the
    # other ends.
    bint cold
    double alone_s
    double turn_s
    # Every candidate is ejected, so none is.
    bint panic
    bint probe
    # Alone on the deployment.
    double prefill_s
    double decode_s
    # To the first byte, in company.
    double expected_s
    # Of it, until the model is loaded.
    double load_s

# A candidate with what is known of it; score: what fleet_pick makes least.
cdef struct Prospect:
    int at
    int deployment
    # Requests in flight, and those without a first byte.
    int64_t open
    int64_t silent
    double work_s
    # Requests held back for it.
    double held
    # Those who stand before this request, where slots are known.
    int64_t ahead
    # Slots; known: configured or asked for, not learned.
    int64_t cap
    bint known
    bint cold
    bint few
    bint probe
    # Until a rate limit admits the request.
    double wait_s
    double interval_s
    # What a request that the limit admits takes from those behind it.
    double price_s
    double stale_s
    # Until its model is loaded.
    double load_s
    double contention
    double failing
    double fail_s
    double prefill_s
    double decode_s
    # This request's own time, what it delays the others by, and the factor for a deployment that seems stuck.
    double own_s
    double inflicted_s
    double stall
    double expected_s
    double score

# Exact times of one answer, as some servers give them; neither holds what it waited, or what its model took to load.
cdef struct Timings:
    double prompt_s
    double output_s

# One attempt at one deployment; lies in its exchange, which must not move. All zero: closed.
cdef struct Ticket:
    bint open
    bint silent
    bint probe
    bint whole
    # Sent while all slots were taken: its first byte tells of the queue too.
    bint queued
    int deployment
    int group
    double prompt_tokens
    double max_tokens
    int64_t dispatched_us
    int64_t first_byte_us
    # What it counts for in its lane, and the first byte's part of that.
    int64_t work_us
    int64_t prefill_us
    int64_t tokens
    # When work_us was last estimated, and at which token.
    int64_t refreshed_us
    int64_t refreshed_tokens
    # Tokens counted as used at dispatch.
    int64_t used_tokens
    double solo_s
    int64_t expected_us
    # How long the deployment had been idle at dispatch, 0: it was not; and what was left of the load of its model.
    int64_t idle_us
    int64_t load_us
    # Of a first byte that may hold a load: what it took too long, and its sample; 0: does not.
    double excess_s
    double first_sample_s
    # The deployment's sums at dispatch and at the first byte.
    double load_at
    double pace_at
    double load_first
    double pace_first
    # Neighbours among the silent of this worker, oldest first.
    Ticket *before
    Ticket *behind

# A deployment as this worker sees it; not shared.
cdef struct Member:
    int64_t *words
    # 0: unknown.
    int slots
    int64_t weight
    int64_t rpm
    int64_t tpm
    # Per token, of any one unit; < 0: unknown.
    double input_cost
    double output_cost
    double prior_contention
    # Of ejection: most failures in a minute that are borne (-1: two in a row are one too many), us that it lasts (-1: by what failures
    # take).
    int allowed_fails
    int64_t cooldown_us
    bint never_out
    # power[n] is n ** contention.
    double contention
    double power[33]
    # Sums over time up to seen_us: of the requests running, and of the pace they ran at, 1 / power[running].
    int64_t seen_us
    int64_t running
    double load
    double pace
    # This worker's streams since live_us: their number, pace * time of them, their tokens.
    int streams
    int64_t live_us
    double live_pace
    int64_t live_tokens
    Ticket *oldest
    Ticket *newest
    # Its answers come with exact times.
    bint exact


@final
cdef class Fleet:
    cdef uint8_t[::1] memory
    cdef int64_t *words
    cdef readonly int deployments
    cdef readonly int groups
    cdef readonly int lanes
    # The one that this worker writes.
    cdef readonly int lane
    cdef int lane_words
    cdef int member_words
    cdef Member *members
    # Next of each group, for round-robin.
    cdef int *turns
    cdef Prospect prospects[64]
    cdef uint64_t random
    # latency-based-routing takes any that is at most this fraction worse than the best.
    cdef double buffer
    # Candidates of each group, for callers in Python; and what their last PICK_HOLD is for.
    cdef list candidates
    cdef readonly int held_for


@final
cdef class Attempt:
    cdef Fleet fleet
    cdef Ticket ticket


# --- route: who waits here, and whose turn is next

@final
cdef class Caller:
    cdef Line line
    cdef int priority
    # Virtual time at which the oldest begins; without one, the next.
    cdef int64_t start_us
    # Since when the oldest is next of these.
    cdef int64_t since_us
    cdef int64_t waiting
    # Linked through `before` and `behind`.
    cdef Exchange oldest
    cdef Exchange newest


@final
cdef class Line:
    cdef Fleet fleet
    cdef int group
    cdef int64_t aging_us
    cdef int64_t waiting
    # Those who wait; by (who, priority) these and who waited lately.
    cdef list callers
    cdef dict known


# --- endpoints, bound


@final
cdef class Operation:
    cdef readonly Py_ssize_t index
    cdef readonly str name
    cdef readonly str dialect
    cdef uint32_t dialect_bit
    # `name` as bytes, for the log.
    cdef bytes log_name
    # 0 none, 1 JSON, 2 multipart.
    cdef readonly int body
    cdef readonly bint streams
    # Its streams end with an event that says so.
    cdef bint terminates
    # Upstream's method and, where the path has no parameter, what follows the provider's base URL.
    cdef readonly bytes method
    cdef readonly str target
    # A stream is asked for usage with stream_options.
    cdef bint usage_option
    # The request id's field in answers: x-request-id or request-id.
    cdef bytes id_field
    # Answered here: called with (exchange) and returns (status, content type, body, fields).
    cdef readonly object local
    # Anybody may ask: health.
    cdef bint public
    # What it makes (a response, a file, a batch) is asked for by its id later.
    cdef bint makes_ids
    # A request that names no model is refused.
    cdef readonly bint needs_model
    # Its answer is somebody's own file: nothing in it is ours to change.
    cdef bint opaque
    # What it is in any dialect (KINDS), so that it can be translated; "" and 0: it cannot.
    cdef readonly str kind
    cdef uint32_t kind_bit
    # A body that does not say `stream` asks for one.
    cdef bint stream_default
    # The model stands in the path in this dialect: none is written into the body.
    cdef bint model_in_path


# --- frame: one request and what each step has learned about it

cdef enum:
    MODE_RAW = 0     # bytes pass
    MODE_JSON = 1    # one JSON text, its model spliced as it passes
    MODE_EVENTS = 2  # server-sent events
    MODE_ERROR = 3   # held to the end, so that no secret comes back in it
    MODE_WHOLE = 4   # held to the end and translated
    MODE_STREAM = 5  # translated as it comes
    MODE_LINES = 6   # a JSON text a line (NDJSON), models spliced as they pass

# How a translated stream is cut.
cdef enum:
    FRAMING_EVENTS = 0
    FRAMING_LINES = 1
    FRAMING_FRAMES = 2


# Closing an exchange takes it out of its connections, so no cycle is left for a collector to find.
@final
@cython.no_gc
@cython.freelist(64)
cdef class Exchange:
    cdef GatewayService service
    # accept: None once the client is gone or the exchange is closed.
    cdef ClientConnection client
    cdef readonly Operation operation
    cdef readonly bytes request_id
    cdef readonly bytes query
    # Path parameters: id or model, percent-decoded; None where the path has none.
    cdef readonly bytes path_id
    cdef readonly bytes path_model
    # Client's fields that go upstream, serialised, CRLF behind each.
    cdef Buffer fields
    cdef bint has_version
    cdef readonly bytes content_type
    cdef bytes accept_encoding
    # Of a browser: its page's origin, and the fields a preflight asks for.
    cdef readonly bytes origin
    cdef readonly bytes requested_fields
    cdef readonly bytes wanted_model
    # Which deployments the request is for, comma-separated; and what it belongs to.
    cdef readonly bytes tags
    cdef readonly bytes session_id
    # frame: the request body, until the answer is committed; then freed. And what it counts for in the service's bodies_bytes.
    cdef Buffer body
    cdef int64_t body_bytes_held
    cdef RequestScan scan
    cdef bint stream
    # We asked for usage, the caller did not: the extra event is taken out.
    cdef bint strip_usage
    # route
    cdef readonly Group group
    cdef readonly Deployment deployment
    cdef readonly bytes model
    # translate: the request in the provider's words and the answer in the caller's; None where both speak one dialect.
    cdef readonly object translation
    cdef int framing
    # What stands around the text of a delta: in the provider's event, and in what the caller gets for it. None: not learned.
    cdef bytes shape_before
    cdef bytes shape_behind
    cdef bytes shape_start
    cdef bytes shape_end
    # Why no operation was found: an error's code and message; None: one was.
    cdef str fault_code
    cdef str fault_message
    # What the body lost on its way to a provider of its own dialect, as fields of the answer; None: nothing.
    cdef bytes warnings
    # The last thing said in other words: the output may point at it.
    cdef bytes said
    # Of an error of ours: the parameter that is meant; None: none is.
    cdef readonly str param
    # upstream: what is sent, in pieces that point into head, fields, tail and body.
    cdef iovec pieces[12]
    cdef int piece_count
    cdef Py_ssize_t request_bytes
    cdef bytes head
    # Texts that pieces point into: a model that the body lacked (or an answer of ours), stream_options, the form's type.
    cdef bytes inserted
    cdef bytes usage_text
    cdef bytes content_type_line
    cdef uint8_t tail[64]
    cdef UpstreamConnection upstream
    cdef bint waiting
    # It waits for its deployment's credentials.
    cdef bint authorizing
    # Requests sent, or lost on the way to a connection; those before the present attempt.
    cdef int attempts
    cdef int attempts_before
    # route, after a failure. When the whole must be answered, attempts and waits together; 0: not begun.
    cdef int64_t deadline_us
    # When the present attempt began, and when it has to be over.
    cdef int64_t attempt_us
    cdef int64_t attempt_until_us
    # The attempt failed and the request is to be made again: at once (0), or when this moment has come.
    cdef bint again
    cdef int64_t resume_us
    # Nothing more is tried, whatever fails.
    cdef bint last
    # Deployments of this group that failed since the last wait; None: none did.
    cdef list tried
    # Deployments of this group that cannot be asked for this at all; None: none is known.
    cdef list unable
    # Retries in this group, in all groups, waits in this group, and groups that came behind the first.
    cdef int retries
    cdef int retries_in_all
    cdef int rounds
    cdef int fallbacks
    # What the caller's body says of it: retries (-1: nothing), seconds for everything (0: nothing), Python's part of the rest.
    cdef int wanted_retries
    cdef int64_t wanted_timeout_us
    # Of one attempt of the present fallback; 0: as its deployment says.
    cdef int64_t turn_timeout_us
    cdef public object wishes
    # Only its own deployment knows what the request refers to.
    cdef bint pinned
    # The request as the router sees it, what it chose, and the attempt that is open, there and at its provider's limits.
    cdef Asked asked
    cdef Choice choice
    cdef Ticket ticket
    cdef Mirrored mirrored
    # Its provider has seen it.
    cdef bint dispatched
    # The other of two attempts at the same request: the hedge of the one that has the caller, and the first of the hedge. None: one alone.
    cdef Exchange rival
    # It has paid for hedges; when one is asked for if nothing has come, 0: never; who was asked first and who besides, None: nobody was.
    cdef bint hedgeable
    cdef int64_t hedge_us
    cdef Deployment first_deployment
    cdef Deployment hedge_deployment
    # It is held back for a deployment that is worth waiting for (the choice's), since then (0: it is not); for that long before.
    cdef bint queued
    # It counts as held back: while it is queued, and until it has chosen anew.
    cdef bint counted
    cdef int64_t queued_us
    cdef int64_t waited_us
    # Where it stands in its line: of its caller's those with a smaller number came before; between these.
    cdef int64_t place
    cdef Caller caller_line
    cdef Exchange before
    cdef Exchange behind
    # It was called up and has not been asked yet: what its caller paid for the turn, in us of work.
    cdef int64_t turn_us
    # Another one has its place.
    cdef bint displaced
    # Who calls, for turns: callers that nothing tells apart are one. And how important it is, 0: most.
    cdef uint64_t caller
    cdef int priority
    # It has its turn: it is looked at again when the batch is over.
    cdef bint waking
    # Of an answer of ours that says so; 0: it does not.
    cdef readonly int retry_after_s
    # Of the last failure: an error's code and message.
    cdef str cause
    cdef str cause_message
    # The body before its present form was made for one deployment alone; no memory: it is as it came.
    cdef Buffer original
    # The body that the present fallback is asked with; None: the caller's.
    cdef bytes override
    # relay
    cdef int status
    cdef int mode
    # Answer head for the caller, without framing fields and the empty line; freed when sent.
    cdef Buffer answer_head
    # Head sent: from here an error can only end the answer, not change its status.
    cdef bint head_sent
    # -1: unknown.
    cdef int64_t upstream_length
    cdef bint dropping_model
    cdef AnswerScan answer
    cdef EventSearch search
    # How the last event began, to the quote behind its model; where its model stands in that.
    cdef uint8_t prefix[192]
    cdef Py_ssize_t prefix_n
    cdef Py_ssize_t prefix_model
    # An incomplete event, or an error body.
    cdef Buffer held
    # An event too large to hold is passing in pieces; and whether a line of it is open, LINE_*.
    cdef bint event_open
    cdef int line
    # An event was taken out whose CR came last: the LF that may follow goes too.
    cdef bint dropping_lf
    # The stream's own end was seen ([DONE], message_stop).
    cdef bint terminated
    # The whole answer is in hand.
    cdef bint complete
    # Nothing of the answer's content has come yet: what there is waits in `early`, so that a failure can still be made good.
    cdef bint holding
    cdef Buffer early
    cdef bint paused
    # account: monotonic, 0 until it happened.
    cdef int64_t started_us
    cdef int64_t complete_us
    cdef int64_t dispatched_us
    cdef int64_t first_byte_us
    cdef int64_t overhead_us
    # Set when head and whole answer went out together.
    cdef int64_t sent_us
    cdef int64_t bytes_in
    cdef int64_t bytes_out
    cdef int64_t events
    cdef str failure
    cdef bint closed
    # A copy of another request, for a mirror: nobody gets its answer.
    cdef bint is_copy


# --- upstream

cdef enum UpstreamState:
    UPSTREAM_CONNECTING
    UPSTREAM_TUNNEL
    UPSTREAM_HANDSHAKE
    UPSTREAM_IDLE
    UPSTREAM_ACTIVE
    UPSTREAM_CLOSED

cdef enum:
    BODY_NONE = 0
    BODY_LENGTH = 1
    BODY_CHUNKED = 2
    BODY_CLOSE = 3


@final
cdef class UpstreamConnection(Connection):
    cdef Pool pool
    cdef int state
    cdef Exchange exchange
    # Kept from the last recv: an incomplete head.
    cdef Buffer inbound
    cdef HeadSearch search
    cdef Chunked chunked
    cdef int body
    cdef int64_t left
    # Final head seen.
    cdef bint head_done
    cdef bint keep_alive
    # It has answered a request before; nothing of the present answer has come yet.
    cdef bint reused
    cdef bint silent
    # 1xx answers skipped for the present request.
    cdef int interim
    # Bytes of the request written; the request is written completely at exchange.request_bytes.
    cdef Py_ssize_t sent
    # Of pool.addresses; and when connecting to it is given up.
    cdef Py_ssize_t address
    # Addresses tried for the same request, this one included.
    cdef int tried
    cdef int64_t dial_until_us
    cdef int start(self, Exchange exchange) except -1
    cdef int write_request(self) except -1
    cdef int connected(self) except -1
    cdef int handshake(self) except -1
    cdef int ready(self) except -1
    cdef int on_readable(self) except -1
    cdef int feed(self, const uint8_t *p, Py_ssize_t n) except -1
    cdef int feed_head(self, const uint8_t *p, Py_ssize_t n, Py_ssize_t *consumed) except -1
    cdef int feed_body(self, const uint8_t *p, Py_ssize_t n, Py_ssize_t *consumed) except -1
    cdef int feed_tunnel(self, const uint8_t *p, Py_ssize_t n) except -1
    cdef int on_eof(self, bint clean) except -1
    cdef int fail(self, str code, str message) except -1
    cdef int broken(self, str message) except -1
    cdef int broken_protocol(self, str what) except -1
    cdef int answered(self, bint clean) except -1
    cdef int first_byte_deadline(self) except -1


@final
cdef class Pool:
    # One origin: where its connections go, and how.
    cdef Poller poller
    cdef readonly str origin
    cdef str host
    cdef int port
    cdef object tls_context
    # Bytes of a CONNECT request, or None.
    cdef bytes tunnel
    # (family, packed address, port), tried in order from `preferred`.
    cdef list addresses
    cdef Py_ssize_t preferred
    cdef int64_t addresses_until_us
    # Asks for addresses; answers through on_addresses. One question at a time.
    cdef object resolve
    cdef bint resolving
    # Last in, first out: the rest can age.
    cdef list idle
    # Exchanges that wait for a connection, first in, first out.
    cdef object waiting
    cdef readonly int open
    cdef int dialing
    cdef int limit
    cdef int idle_limit
    # Connections to open as soon as an address is known.
    cdef int warm_count
    cdef int64_t connect_timeout_us
    cdef int64_t keepalive_timeout_us
    cdef readonly str last_failure
    cdef bint closed
    cdef int ask(self, Exchange exchange) except -1
    cdef int give(self, UpstreamConnection connection) except -1
    cdef int dial(self, Py_ssize_t address, int tried=*) except -1
    cdef int dial_more(self) except -1
    cdef int close_idle(self) except -1
    cdef int gone(self, UpstreamConnection connection) except -1
    cdef int failed(self, UpstreamConnection connection, str code, str message) except -1


# --- account


@final
cdef class AccessLog:
    cdef int fd
    cdef bint human
    cdef Buffer lines
    # Lines dropped in all, and since that was last said.
    cdef readonly int64_t dropped
    cdef int64_t unsaid
    # Most bytes of one write.
    cdef Py_ssize_t write_bytes
    # Wall clock minus monotonic clock, looked up once a second.
    cdef int64_t offset_us
    cdef int64_t offset_until_us
    # "2026-11-01T12:00:00." of the present second, and that second.
    cdef bytes second_text
    cdef int64_t second
    cdef int add(self, Exchange exchange) except -1


# --- gateway


@final
cdef class GatewayService(Service):
    cdef Poller poller
    cdef Keys keys
    # (method, path) as b"POST /v1/chat/completions" -> Operation.
    cdef dict operations
    # Model as the caller names it -> Group.
    cdef dict groups
    cdef Group only_group
    # None: nothing is remembered.
    cdef Owners owners
    # Python's part: render errors, match unusual paths, find wildcard groups, build heads.
    cdef object control
    cdef AccessLog log
    cdef set clients
    cdef bint allow_unauthenticated
    # Deployments that a request does not fit are left out.
    cdef bint checks
    # Requests have tags that say which deployments they are for.
    cdef bint tagged
    # Some models' requests go to another one, or to another one as well; copies on their way, and the most of them.
    cdef bint diverting
    cdef bint mirroring
    cdef int copies
    cdef int copy_limit
    cdef bint litellm_headers
    cdef bint cors
    cdef Fleet fleet
    cdef Mirror mirror
    # For one choice: the group's deployments.
    cdef Candidate *candidates
    cdef int candidates_limit
    # Requests that are held back: a Line by the number of their group. And how many there are.
    cdef dict queues
    cdef int queued
    # The last place that was given.
    cdef int64_t places
    # Most of them, and the longest wait of one: in us, and in multiples of what it takes itself, but not less than the least.
    cdef int queue_limit
    cdef int64_t queue_us
    cdef double queue_times
    cdef int64_t queue_least_us
    # After which wait a priority counts as half of it; and that of who says nothing.
    cdef int64_t aging_us
    cdef int default_priority
    # By the number of a group: thousandths of the retries that it has left; what a request brings, 0: they are not counted.
    cdef int64_t *budgets
    cdef int64_t budget_part
    # What a request pays for hedges, in millionths of one; the share of answers that have begun when one is asked for.
    cdef int64_t hedge_millionths
    cdef double hedge_quantile
    # Descriptors that wake the workers, by lane; this one's is watched.
    cdef list wakers
    cdef Waker waker
    # Of requests that say nothing of it, and of deployments that have less: everything together.
    cdef int64_t timeout_us
    # Before a request is made again where it failed: the first wait, its growth, its bound and what is never undercut.
    cdef double backoff_s
    cdef double backoff_factor
    cdef double backoff_limit_s
    cdef double backoff_least_s
    # The first wait is as configured: chance only adds to it, a tenth at the most.
    cdef bint backoff_exact
    # The Date field of the present second, and the monotonic clock at its end.
    cdef bytes date_line
    cdef int64_t date_until_us
    cdef uint64_t request_count
    cdef bytes request_prefix
    cdef bytes last_line
    cdef Operation last_operation
    cdef int handle(self, Exchange exchange) except -1
    cdef int ask(self, Exchange exchange) except -1
    cdef int refuse(self, Exchange exchange, str code, str message) except -1
    cdef int close(self, Exchange exchange) except -1


# --- route: another worker has ended what a request here waits for

@final
cdef class Waker(Watched):
    cdef GatewayService service


# --- translate: bodies taken apart

@final
cdef class HeldTexts:
    # Where the texts stand: pairs of offsets into it, [at, end).
    cdef bytes body
    cdef Buffer spans
    # What will be `skeleton`, while the body is read, and how much of the body is in it.
    cdef Buffer kept
    cdef Py_ssize_t copied
    # The body with marks in place of the texts.
    cdef readonly bytes skeleton
    # Of an answer: JSON of `usage` and `created`, and the id behind its prefix; b"": not there.
    cdef readonly bytes usage
    cdef readonly bytes created
    cdef readonly bytes name
    # Of a request: numbers of the texts that name users and sessions. Not every dialect says them.
    cdef readonly list names
