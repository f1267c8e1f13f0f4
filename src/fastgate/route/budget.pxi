# How many retries an outage may cost: where nobody is well, they are a share of the requests, so that retries do not feed it.
# Rule 1: a retry costs nothing while a deployment is well that it can go to: nobody sees that one of several fails.
# Rule 2: else it takes a token of its group's, in this worker; each request brings a part of one.
# Rule 3: whoever waits as long as a provider said feeds nothing: that is free.

cdef enum:
    # Thousandths of a token: a retry, and the most that are kept for a group that is asked seldom.
    RETRY_COST = 1000
    BUDGET_MOST = 10000

# Whoever fails more often than so is not well: a little more than two of three requests.
cdef double WELL_FAILING = 0.75


cdef int budgets_open(GatewayService self, double budget) except -1:
    """Let retries be *budget* of the requests where nobody is well; 0: as many as are configured."""
    cdef int at
    self.budget_part = max(1, <int64_t>(budget * RETRY_COST + 0.5)) if budget > 0 else 0
    self.budgets = <int64_t *>malloc(self.fleet.groups * sizeof(int64_t))
    if self.budgets == NULL:
        raise MemoryError
    for at in range(self.fleet.groups):
        self.budgets[at] = BUDGET_MOST
    return 0


cdef inline void bring_part(GatewayService self, Exchange x) noexcept:
    """A request is asked of its group for the first time."""
    cdef int64_t *budget = &self.budgets[x.group.number]
    budget[0] = min(budget[0] + self.budget_part, <int64_t>BUDGET_MOST)


cdef bint may_retry(GatewayService self, Exchange x) noexcept:
    """Whether the request may be made again in its group; takes a token if that costs one."""
    cdef Deployment deployment
    cdef const int64_t *known
    cdef int64_t *budget = &self.budgets[x.group.number]
    cdef int64_t now = self.poller.now_us
    cdef Py_ssize_t i
    if self.budget_part == 0:
        return True
    for i in range(len(x.group.deployments)):
        deployment = <Deployment>x.group.deployments[i]
        known = known_of(self.fleet, deployment.number)
        if serves(deployment, x.operation) and is_in_service(known, now) and failing_of(known, now) < WELL_FAILING:
            return True
    if budget[0] < RETRY_COST:
        return False
    budget[0] -= RETRY_COST
    return True
