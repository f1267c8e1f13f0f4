# The gateway: the one place that knows all steps. `on_head` and `handle` read as the line of a request.


cdef class GatewayService(Service):
    """Answers callers: some paths here, the others through a provider.

    *control* is Python's part, for what is not on the hot path: unusual paths, wildcards, errors, upstream heads.
    """

    def __init__(self, Poller poller not None, keys, control, AccessLog log not None, *, bytes request_prefix,
                 bint allow_unauthenticated, bint litellm_headers, bint cors, Owners owners=None, bint checks=False,
                 bint tagged=False, bint diverting=False,
                 bint mirroring=False, int copy_limit=0,
                 double timeout_s=600, double backoff_s=0.5, double backoff_factor=2, double backoff_limit_s=8,
                 double backoff_least_s=0, bint backoff_exact=False, Fleet fleet not None,
                 Mirror mirror not None, wakers=(), int queue_limit=1000, double queue_s=60, double queue_times=4,
                 double queue_least_s=0.5, double aging_s=5, int default_priority=0, double retry_budget=0, tuple hedges=(0, 1)):
        self.poller = poller
        self.keys = keys
        self.control = control
        self.log = poller.log = log
        self.request_prefix = request_prefix
        self.allow_unauthenticated = allow_unauthenticated
        self.litellm_headers = litellm_headers
        self.cors = cors
        self.owners = owners
        self.checks = checks
        self.tagged = tagged
        self.diverting = diverting
        self.mirroring = mirroring
        self.copy_limit = copy_limit
        self.timeout_us = <int64_t>(timeout_s * 1000000)
        self.backoff_s = backoff_s
        self.backoff_factor = backoff_factor
        self.backoff_limit_s = backoff_limit_s
        self.backoff_least_s = backoff_least_s
        self.backoff_exact = backoff_exact
        self.fleet = fleet
        self.mirror = mirror
        self.queues = {}
        self.queue_limit = queue_limit
        self.queue_us = <int64_t>(queue_s * 1000000)
        self.queue_times = queue_times
        self.queue_least_us = <int64_t>(queue_least_s * 1000000)
        self.aging_us = <int64_t>(aging_s * 1000000)
        self.default_priority = default_priority
        self.hedge_millionths = <int64_t>(<double>hedges[0] * HEDGE_WHOLE + 0.5)
        self.hedge_quantile = hedges[1]
        self.wakers = list(wakers)
        self.operations = {}
        self.groups = {}
        budgets_open(self, retry_budget)
        if self.wakers:
            self.waker = waker_open(self, self.wakers[fleet.lane])

    def __dealloc__(self):
        free(self.candidates)
        free(self.budgets)

    def bind(self, dict operations not None, dict groups not None, Group only_group):
        """Serve these operations, by b"METHOD /path", and these groups, by model name."""
        self.operations = operations
        self.groups = groups
        self.only_group = only_group

    def drain(self):
        """Close idle connections; the rest say Connection: close with their answers."""
        cdef Watched watched
        self.draining = True
        for watched in list(self.poller.live):
            if isinstance(watched, ClientConnection) and (<ClientConnection>watched).state == CLIENT_HEAD:
                if buffer_len(&(<ClientConnection>watched).out) == 0 and buffer_len(&(<ClientConnection>watched).inbound) == 0:
                    client_close(<ClientConnection>watched)

    cdef int on_head(self, ClientConnection client, Head *head) except -1:
        """frame is done; authenticate before a byte of the body is read. Return 1 if the request was answered."""
        cdef Exchange x = begin_exchange(self, client)
        cdef Operation operation = find_operation(self, x, head)
        cdef Span key
        x.operation = operation
        # Before any refusal: the caller's request id and its page's origin belong to that answer too.
        keep_fields(x, head)
        if not is_discardable(client):
            # An answer from here on is the connection's last, and says so.
            client.keep_alive = False
        if x.fault_code is not None:
            return self.refuse(x, x.fault_code, x.fault_message)
        if not operation.public:
            if self.keys is not None:
                key = find_key(head)
                if key.at == NULL or not self.keys.check(key.at, key.n):
                    return self.refuse(x, "invalid_api_key", "")
            elif not client.loopback and not self.allow_unauthenticated:
                return self.refuse(x, "forbidden", "no key is configured, so only callers over the loopback interface are served")
        if operation.local is None and is_overloaded(self, x):
            return 1
        if x.priority < 0:
            return self.refuse(x, "invalid_request", f"`x-fastgate-priority` must be a whole number from 0 to {MOST_PRIORITY}")
        if head.query.n:
            x.query = bytes_of(head.query.at, head.query.n)
        if operation.body and check_body_fields(self, x, head):
            return 1
        client.keep_alive = says_keep(client, head)
        return 0

    cdef int on_piece(self, ClientConnection client, Py_ssize_t n) except -1:
        cdef Exchange x = <Exchange>client.attached
        hold_body(self, x, n)
        if self.bodies_bytes <= self.bodies_limit:
            return 0
        client.keep_alive = False
        return refuse_overloaded(self, x, "bodies of requests")

    cdef int on_message(self, ClientConnection client) except -1:
        cdef Exchange x = <Exchange>client.attached
        x.body = client.body
        memset(&client.body, 0, sizeof(Buffer))
        x.bytes_in = buffer_len(&x.body)
        x.complete_us = monotonic_us()
        return self.handle(x)

    cdef int handle(self, Exchange x) except -1:
        """frame -> route -> translate -> upstream; the provider's bytes drive relay and account from there."""
        cdef int answered
        if x.operation.local is not None:
            return answer_here(self, x)
        if read_model(self, x):
            return 0
        answered = choose(self, x)
        if self.mirroring and not x.closed:
            send_copies(self, x)
        return 0 if answered else self.ask(x)

    cdef int ask(self, Exchange x) except -1:
        """translate -> upstream, at the deployment that was chosen."""
        if begin_attempt(self, x):
            return 0
        if x.deployment.credentials is not None and not is_authorized(self, x):
            return 0
        if x.deployment.native_bits & x.operation.dialect_bit:
            if x.deployment.changed_for and x.operation.body == 1 and translate_changed(self, x):
                return 0
            build_request(x)
        elif translate_request(self, x):
            return 0
        return x.deployment.pool.ask(x)

    def abort(self):
        """End open requests with an error that their callers can read: the process is about to end."""
        cdef Watched watched
        cdef Exchange x
        for watched in list(self.poller.live):
            if not isinstance(watched, ClientConnection):
                continue
            x = <Exchange>(<ClientConnection>watched).attached
            if x is None or x.closed:
                continue
            x.last = True
            x.again = False
            dequeue(self, x)
            if x.rival is not None:
                drop_hedge(x)
            if x.upstream is not None:
                x.upstream.fail("overloaded", "the gateway is shutting down")
                continue
            let_go(x)
            relay_fault(x, "overloaded", "the gateway is shutting down")

    def explain(self, Exchange x not None, Operation operation not None, bytes path_model):
        """Return where a request of *operation* with the exchange's body would go now, or what is wrong with it; nothing is asked.

        *path_model*: the model of its path, None if that has none. What is wrong is an error's code, message and parameter.
        """
        cdef Operation own = x.operation
        x.operation = operation
        x.path_model = path_model
        try:
            return explain_request(self, x)
        finally:
            x.operation = own

    def resume(self, Exchange x not None):
        """Go on with a request that waited for credentials; nothing happens if its caller has gone."""
        if x.closed or not x.authorizing:
            return
        x.authorizing = False
        try:
            self.ask(x)
        except Exception as error:
            if x.client is None:
                self.poller.on_exception(error)
                hedge_broke(x)
            else:
                give_up(x.client, error)
        run_again(self.poller)

    cdef int close(self, Exchange x) except -1:
        """account: the request is over, in whatever way."""
        if x.closed:
            return 0
        x.closed = True
        dequeue(self, x)
        if x.rival is not None:
            drop_hedge(x)
        if x.translation is not None:
            translate_account(x)
        if x.ticket.open and x.complete and x.failure is None and x.status < 400:
            ticket_ended(self, x)
        ticket_failed(self, x, FAILURE_CANCELLED, 0)
        self.poller.exchanges -= 1
        self.copies -= x.is_copy
        if x.client is not None:
            x.client.attached = None
            x.client = None
        if x.operation.makes_ids and x.status < 300 and 0 < x.answer.id_n <= 96 and self.owners is not None:
            owners_remember(self.owners, x.answer.id_text, x.answer.id_n, x.deployment.account)
        self.log.add(x)
        body_let_go(x)
        exchange_free(x)
        return 0

    cdef int refuse(self, Exchange x, str code, str message) except -1:
        """Answer with an error of our own, in the caller's dialect. Return 1."""
        cdef int status
        cdef bytes body, fields
        cdef ClientConnection client = x.client
        if x.closed:
            return 1
        if is_hedge(x):
            return rival_goes_on(x, FAILURE_NONE, 0)
        status, body, fields = self.control.render_error(x, code, message)
        x.failure = code
        answer(x, status, b"application/json", body, fields)
        if x.closed:
            return 1
        self.close(x)
        if client.state == CLIENT_ANSWER:
            client.finish()
        return 1

    cdef int on_fault(self, ClientConnection client, str code, str message) except -1:
        cdef Exchange x
        if client.attached is not None:
            x = <Exchange>client.attached
        else:
            x = begin_exchange(self, client)
            x.operation = self.control.operation_of_fault(
                bytes_of(parsed_head.path.at, parsed_head.path.n) if parsed_head.path.at != NULL else b""
            )
            if parsed_head.path.at != NULL and (code == "body_too_large" or code == "expectation_failed"):
                # The head itself is whole: its request id and its page's origin belong to the answer.
                keep_fields(x, &parsed_head)
        client.state = CLIENT_BODY
        self.refuse(x, code, message)
        return 0

    cdef int on_gone(self, ClientConnection client) except -1:
        """The caller went away: cancel the upstream request at once."""
        cdef Exchange x = <Exchange>client.attached
        let_go(x)
        if not x.head_sent:
            x.status = 499
        x.failure = "client_closed"
        return self.close(x)

    cdef int on_drained(self, ClientConnection client) except -1:
        cdef Exchange x = <Exchange>client.attached
        if x is not None:
            if x.queued:
                return watch_queued(self, x)
            if x.resume_us:
                set_deadline(client, x.resume_us)
            else:
                watch_attempt(x)
            relay_resume(x)
        return 0

    cdef int on_answer_deadline(self, ClientConnection client) except -1:
        """The whole request took longer than `timeout`, or the wait before it is made again is over."""
        cdef Exchange x = <Exchange>client.attached
        cdef int64_t within_s
        if x is None:
            return client_close(client)
        if x.queued:
            return look_by_itself(self, x)
        if x.again:
            return make_again(x) if x.resume_us else 0
        if (x.hedge_us or x.rival is not None) and hedge_due(self, x):
            return 0
        within_s = (x.attempt_until_us - x.attempt_us) // 1000000
        if x.upstream is not None:
            return x.upstream.fail("upstream_timeout", f"no complete answer within {within_s} s")
        let_go(x)
        return relay_fault(x, "upstream_timeout", f"no connection to the provider was free within {within_s} s")

    cdef int on_bug(self, ClientConnection client) except -1:
        cdef Exchange x = <Exchange>client.attached
        let_go(x)
        x.again = False
        client.keep_alive = False
        return relay_fault(x, "internal_error", f"the gateway failed on this request; its log says more under {x.request_id.decode()}")


cdef bytes date_field(GatewayService self):
    """Return the Date field (RFC 9110 6.6.1), made once a second."""
    if self.poller.now_us >= self.date_until_us:
        self.date_line = strftime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime()).encode()
        self.date_until_us = self.poller.now_us + 1000000 - wall_clock_us() % 1000000
    return self.date_line


cdef Exchange begin_exchange(GatewayService self, ClientConnection client):
    cdef Exchange x = Exchange.__new__(Exchange)
    cdef uint8_t text[32]
    cdef Py_ssize_t n = PyBytes_GET_SIZE(self.request_prefix)
    x.service = self
    x.client = client
    x.started_us = self.poller.now_us
    x.upstream_length = -1
    x.wanted_retries = -1
    x.caller = client.address
    x.priority = self.default_priority
    client.attached = x
    self.poller.exchanges += 1
    self.request_count += 1
    memcpy(text, PyBytes_AS_STRING(self.request_prefix), n)
    n += fg_hex(text + n, self.request_count)
    x.request_id = bytes_of(text, n)
    return x


cdef Operation find_operation(GatewayService self, Exchange x, Head *head):
    """Return the operation that method and path name; if there is none, what stands for it, and the exchange's fault says why."""
    cdef bytes line
    cdef Operation found
    cdef object match
    cdef Py_ssize_t n = head.path.at + head.path.n - head.method.at
    # Callers repeat themselves: the bytes `POST /v1/chat/completions` are compared before they are looked up.
    if self.last_line is not None and PyBytes_GET_SIZE(self.last_line) == n:
        if memcmp(PyBytes_AS_STRING(self.last_line), head.method.at, n) == 0:
            return self.last_operation
    line = bytes_of(head.method.at, head.method.n) + b" " + bytes_of(head.path.at, head.path.n)
    found = self.operations.get(line)
    if found is not None:
        if len(line) == n:
            self.last_line = line
            self.last_operation = found
        return found
    match = self.control.find_operation(line)
    if match[1]:
        x.fault_code = match[1]
        x.fault_message = match[2]
    x.path_id = match[3]
    x.path_model = match[4]
    return match[0]


cdef bint is_overloaded(GatewayService self, Exchange x) except -1:
    """Whether the gateway has no room for one more request, which is answered before its body is read."""
    cdef int64_t length = max(<int64_t>0, x.client.body_length)
    if self.poller.exchanges > self.request_limit:
        return refuse_overloaded(self, x, "requests")
    if self.bodies_bytes + length > self.bodies_limit:
        return refuse_overloaded(self, x, "bodies of requests")
    hold_body(self, x, length)
    return False


cdef inline void hold_body(GatewayService self, Exchange x, int64_t n) noexcept:
    """Count *n* bytes more for the bodies that are held."""
    self.bodies_bytes += n
    x.body_bytes_held += n


cdef int refuse_overloaded(GatewayService self, Exchange x, str what) except -1:
    """Refuse a request that the gateway itself has no room for. Return 1."""
    x.retry_after_s = retry_after(self, 0)
    return self.refuse(x, "overloaded", f"the gateway has as many {what} in hand as it takes; come again in {x.retry_after_s} s")


cdef int check_body_fields(GatewayService self, Exchange x, Head *head) except -1:
    """Refuse a body that is compressed."""
    cdef Span coding = find_field(head, FIELD_CONTENT_ENCODING)
    if coding.at != NULL and not fg_is_word(coding.at, coding.n, b"identity"):
        return self.refuse(
            x, "unsupported_content_encoding", "Content-Encoding of a request can only be identity: send the body uncompressed"
        )
    return 0


cdef int read_model(GatewayService self, Exchange x) except -1:
    """frame: find the model in the body, and nothing else. Return 1 if the request was refused."""
    cdef tuple fault = fault_of_body(self, x)
    return 0 if fault is None else refuse_fault(self, x, fault)


cdef int refuse_fault(GatewayService self, Exchange x, tuple fault) except -1:
    """Refuse a request for an error's code, message and parameter. Return 1."""
    x.param = fault[2]
    return self.refuse(x, fault[0], fault[1])


cdef tuple fault_of_body(GatewayService self, Exchange x):
    """Read what is needed of the body; return what is wrong with it, as an error's code, message and parameter, or None."""
    cdef RequestScan *s = &x.scan
    cdef const uint8_t *p = x.body.data + x.body.start
    cdef Py_ssize_t n = buffer_len(&x.body)
    cdef int fault = 0
    cdef tuple mistake
    if x.operation.body == 1:
        if n == 0:
            return "invalid_body", "the body is empty, expected a JSON object", None
        fault = scan_request(s, p, n)
        if fault:
            return "invalid_body", f"{JSON_FAULTS[fault]} (at byte {s.fault_at})", None
        if s.own_count and is_repeatable(x.operation):
            mistake = read_wishes(self, x)
            if mistake is not None:
                return mistake
            p = x.body.data + x.body.start
        x.stream = (s.stream if s.stream_is_bool else x.operation.stream_default) and x.operation.streams
    elif x.operation.body == 2:
        fault = find_form_model(s, p, n, x.content_type)
        if fault:
            return ("invalid_body", "the body names `model` twice" if fault == JSON_DUPLICATE
                    else "the body is not multipart/form-data with the boundary that its Content-Type says", None)
    if s.model_end:
        if not s.model_is_string:
            return "invalid_body", "`model` is not a string", None
        if s.model_escaped:
            x.model = json_unescape(p + s.model_at + 1, s.model_end - s.model_at - 2)
            if x.model is None:
                return "invalid_body", "`model` holds half of a surrogate pair, which is no text", None
        else:
            x.model = bytes_of(p + s.model_at + 1, s.model_end - s.model_at - 2)
    return None


cdef tuple read_wishes(GatewayService self, Exchange x):
    """Read what the body says to the gateway: retries, fallbacks, the time for everything. Return what is wrong with it, or None."""
    cdef object found = self.control.read_wishes(take_wishes(x))
    if type(found) is tuple:
        return found
    x.wishes = found
    x.wanted_retries = found.num_retries
    x.wanted_timeout_us = <int64_t>(<double>found.timeout_s * 1000000)
    if found.priority >= 0:
        x.priority = found.priority
    return None


cdef int choose(GatewayService self, Exchange x) except -1:
    """route: the group the caller asked for, and one of its deployments. Return 1 if the request was refused, or waits for its choice."""
    cdef tuple fault = find_group(self, x)
    cdef int chosen
    cdef Deployment known
    if fault is not None:
        return refuse_fault(self, x, fault)
    known = pinned_to(self, x, x.group)
    if known is not None:
        x.pinned = True
        take_deployment(self, x, x.group, known)
        return 0
    chosen = pick(self, x, x.group, None)
    if chosen == PICK_HOLD:
        enqueue(self, x)
        return 1
    if chosen == PICK_NONE:
        return refuse_fault(self, x, why_nobody(self, x))
    return 0


cdef tuple find_group(GatewayService self, Exchange x):
    """Find the group that the caller asked for, as far as it fits the request; return an error's code, message and parameter, or None."""
    cdef Group group = self.only_group
    cdef bytes model = x.path_model if x.path_model is not None else x.model
    cdef object found
    if group is None:
        if model is None:
            found = self.control.find_owner(x)
            if isinstance(found, str):
                return "invalid_body" if x.operation.needs_model else "model_not_found", found, None
            group = found
        else:
            group = <Group>self.groups.get(model)
            if group is None:
                group = self.control.find_group(model)
                if group is None:
                    return "model_not_found", self.control.explain_unknown(model), None
    x.group = group
    found = diverted(self, x, group) if self.diverting and model is not None else None
    if found is None:
        found = narrowed(self, x, group)
    if type(found) is tuple:
        return found
    # Whatever becomes of the request, the others are not for it.
    x.group = <Group>found
    return None


cdef int is_authorized(GatewayService self, Exchange x) except -1:
    """Return 1 if the deployment has credentials at hand; if not, the request was refused or waits for `resume`."""
    cdef object refusal = self.control.authorize(x)
    # It may have begun to renew them, which is the event loop's to do.
    self.poller.loop_turn = True
    if refusal is None:
        return 1
    if refusal:
        relay_fault(x, "upstream_credentials", refusal)
    else:
        x.authorizing = True
    return 0


cdef int answer_here(GatewayService self, Exchange x) except -1:
    cdef int status
    cdef bytes content_type, body
    cdef ClientConnection client = x.client
    cdef bytes fields
    status, content_type, body, fields = x.operation.local(x)
    answer(x, status, content_type, body, fields)
    if x.closed:
        return 0
    self.close(x)
    return client.finish()


cdef int answer(Exchange x, int status, bytes content_type, bytes body, bytes fields) except -1:
    """Send an answer of our own; *fields* come with CRLF behind each."""
    cdef Buffer *b = &x.answer_head
    buffer_free(b)
    buffer_free(&x.early)
    x.holding = False
    x.status = status
    x.mode = MODE_RAW
    x.first_byte_us = 0
    status_line(b, status)
    if status != 204:
        buffer_append(b, b"Content-Type: ", 14)
        head_text(b, content_type)
        buffer_append(b, b"\r\n", 2)
    head_text(b, fields)
    own_fields(x, b)
    x.complete = True
    # Kept alive until the send: the output may point at it.
    x.inserted = body
    put(x, <const uint8_t *>PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
    return relay_flush(x)
