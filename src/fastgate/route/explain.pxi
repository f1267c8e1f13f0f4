# Where a request would go, told without sending it anywhere.
# Rule 1: nothing is changed that a later choice depends on: no turn, no chance, no count.


cdef object explain_request(GatewayService self, Exchange x):
    """Return a dict of the choice and all candidates, or an error's code, message and parameter."""
    cdef tuple fault = fault_of_body(self, x)
    cdef Deployment known, deployment
    cdef int64_t units[COUNTED_KINDS]
    cdef dict told
    cdef Py_ssize_t i
    if fault is None:
        fault = find_group(self, x)
    if fault is not None:
        x.param = fault[2]
        return fault
    known = pinned_to(self, x, x.group)
    describe_request(x, x.group)
    units_of(self, x, units)
    if compare(self, x, x.group, None, units) == 0:
        return why_nobody(self, x)
    if x.group.ordered:
        leave_later(self, x.group, self.poller.now_us)
    told = foretell(self.fleet, x.group.strategy, &x.asked, self.candidates, <int>len(x.group.deployments), self.poller.now_us)
    if known is not None:
        told["outcome"] = "pinned"
        told["chosen"] = known.number
    elif has_no_choice(self, x.group):
        told["outcome"] = "asked"
        told["chosen"] = (<Deployment>x.group.deployments[0]).number
    told["strategy"] = strategy_name(x.group.strategy)
    told["stream"] = bool(x.stream)
    told["prompt_tokens"] = x.asked.prompt_tokens
    told["max_tokens"] = x.asked.max_tokens
    for i in range(len(x.group.deployments)):
        deployment = <Deployment>x.group.deployments[i]
        told["candidates"][i]["serves"] = bool(serves(deployment, x.operation))
        told["candidates"][i]["dialect"] = deployment.dialect
    return told


cdef str strategy_name(int strategy):
    for name, number in STRATEGIES.items():
        if number == strategy:
            return name
    return ""


cdef dict foretell(Fleet self, int strategy, const Asked *asked, const Candidate *candidates, int count, int64_t now_us):
    """Return what fleet_pick would choose: `outcome` (asked, held or nobody), `chosen`, and the candidates in their order."""
    cdef uint64_t chance = self.random
    cdef int turn = self.turns[asked.group]
    cdef Choice choice
    cdef int at = fleet_pick(self, strategy, asked, candidates, count, now_us, &choice)
    cdef int found
    cdef list rows = []
    self.turns[asked.group] = turn
    # The same sample of a large group is drawn again.
    self.random = chance
    found = gather(self, asked, candidates, count, now_us, choice.panic)
    self.random = chance
    foresee(self, asked, candidates, found, now_us)
    score(self, found, now_us)
    seen = {row["deployment"]: row for row in prospects_view(self, found)}
    for place in range(count):
        row = seen.get(candidates[place].deployment)
        if row is None:
            row = {"deployment": candidates[place].deployment, "not_asked": why_not(self, &candidates[place], now_us)}
        rows.append(row)
    return {
        "outcome": "asked" if at >= 0 else "held" if at == PICK_HOLD else "nobody",
        "chosen": None if at == PICK_NONE else choice.deployment,
        "all_out_of_service": bool(choice.panic),
        "wait_s": wait_of_choice(self, &choice, now_us) if at == PICK_HOLD else 0.0,
        "candidates": rows,
    }


cdef double wait_of_choice(Fleet self, const Choice *choice, int64_t now_us) noexcept:
    """Return the seconds until a request that comes behind all others has its turn, as far as can be told."""
    return max((choice.until_us - now_us) * 1e-6, choice.first_s + choice.turn_s * fleet_held(self, choice.deployment))
