# Requests that go to another model than the one they name (canaries), or to another one as well (mirrors).
# Rule 1: a caller sees nothing of a mirror: its copy is made in memory, asked when the batch is over, once, and beyond a bound not at all.
# Rule 2: a canary that cannot answer is no failure: the model that was named is asked.


cdef Group diverted(GatewayService self, Exchange x, Group group):
    """Return the canary that answers a request in the name of *group*, as far as the request is for it; None: none does."""
    cdef Deployment deployment
    cdef int account = -1
    cdef object found
    if x.scan.previous_end and self.owners is not None:
        account = owners_find(self.owners, x.body.data + x.body.start + x.scan.previous_at, x.scan.previous_end - x.scan.previous_at)
    found = self.control.divert(x, group, account)
    if found is None:
        return None
    found = narrowed(self, x, <Group>found)
    if type(found) is tuple:
        return None
    for deployment in (<Group>found).deployments:
        if serves(deployment, x.operation):
            return <Group>found
    return None


cdef int return_to_stable(GatewayService self, Exchange x) except -1:
    """Let a request that its canary did not answer be made again of the model that it names. Return 0 if that is none of a canary's."""
    cdef object stable = x.group.canary_of
    if stable is None:
        return 0
    stable = narrowed(self, x, <Group>stable)
    return 0 if type(stable) is tuple else turn_to(self, x, <Group>stable, None)


cdef int send_copies(GatewayService self, Exchange x) except -1:
    """Ask other models for the same, as the configuration says."""
    cdef Group group
    if is_repeatable(x.operation):
        for group in self.control.mirrors(x.group):
            if self.copies < self.copy_limit:
                send_copy(self, x, group)
    return 0


cdef int send_copy(GatewayService self, Exchange x, Group group) except -1:
    """Make a copy of a request, to be asked of *group* when the batch is over."""
    cdef Exchange copy = begin_exchange(self, client_sink(self, self.poller))
    cdef ClientConnection client = copy.client
    cdef object fitting
    cdef str refused = None
    copy.is_copy = True
    self.copies += 1
    copy.operation = x.operation
    copy.request_id = x.request_id
    copy.query = x.query
    copy.path_id = x.path_id
    copy.path_model = None if x.path_model is None else group.name
    copy.model = x.model
    copy.content_type = x.content_type
    copy.has_version = x.has_version
    copy.tags = x.tags
    copy.wishes = x.wishes
    copy.wanted_timeout_us = x.wanted_timeout_us
    copy.stream = x.stream
    copy.scan = x.scan
    copy.bytes_in = x.bytes_in
    buffer_append(&copy.fields, x.fields.data + x.fields.start, buffer_len(&x.fields))
    buffer_append(&copy.body, x.body.data + x.body.start, buffer_len(&x.body))
    copy.complete_us = self.poller.now_us
    # Whatever becomes of it, nothing more is tried.
    copy.last = True
    copy.group = group
    fitting = narrowed(self, copy, group)
    if type(fitting) is tuple:
        refused = fitting[0]
    elif pick(self, copy, <Group>fitting, None) != 0:
        refused = "overloaded"
    if refused is not None:
        copy.failure = refused
        self.close(copy)
        return client_close(client)
    copy.group = <Group>fitting
    copy.again = True
    self.poller.again.append(copy)
    return 0
