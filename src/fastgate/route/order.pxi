# `order` of deployments: those with a lower one are asked as long as any of them is in service.

cdef enum:
    # Of those that have none.
    ORDER_LAST = 0x7fffffff


cdef inline bint is_in_service(const int64_t *known, int64_t now_us) noexcept:
    """Whether a deployment may be asked: it is not out, nor tried by a request already that finds out how it is."""
    return not is_out(known, now_us) and not (is_probed(known) and fg_get(known + KNOWN_PROBE_UNTIL_US) > now_us)


cdef int leave_later(GatewayService self, Group group, int64_t now_us) except -1:
    """Exclude the candidates behind the lowest order of which one is in service; none if all are out."""
    cdef Deployment deployment
    cdef Py_ssize_t i
    cdef int least = -1
    for i in range(len(group.deployments)):
        deployment = <Deployment>group.deployments[i]
        if not self.candidates[i].excluded and is_in_service(known_of(self.fleet, deployment.number), now_us):
            if least < 0 or deployment.order < least:
                least = deployment.order
    if least < 0:
        return 0
    for i in range(len(group.deployments)):
        deployment = <Deployment>group.deployments[i]
        if deployment.order > least:
            self.candidates[i].excluded = True
    return 0
