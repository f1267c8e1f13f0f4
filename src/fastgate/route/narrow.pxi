# Before a choice: deployments that a request is not for, or does not fit, are left out of its group.


cdef object narrowed(GatewayService self, Exchange x, Group group):
    """Return the group with those of its deployments alone that the request is for and fits; why, if none is left."""
    cdef object found = group
    if self.tagged or x.wishes is not None:
        found = self.control.admit(x, group)
        if type(found) is tuple:
            return found
    if self.checks and x.operation.kind_bit & KIND_CHAT:
        return self.control.check(x, <Group>found)
    return found
