"""An optimizer's rule as part of a program: its class says by which kernel it runs, and what that is given."""


@cython.final
cdef class UpdateStep:
    """How optimizers of one class update.

    Parameters
    ----------
    kernel : callable
        Given lists of parameters and gradients, a list of each state, the rate, and what else the rule takes.
    states, factors : sequence of str
        The attributes with dictionaries of states, and with the numbers after the rate.
    """

    cdef object kernel
    cdef tuple states
    cdef tuple factors

    def __cinit__(self, kernel, states, factors):
        self.kernel, self.states, self.factors = kernel, tuple(states), tuple(factors)
        if 3 + len(self.states) + len(self.factors) > MOST_ARGUMENTS:
            raise ValueError(f"{len(self.factors)} numbers are too many for the rule of a program")


cdef bint update_by(UpdateStep rule, object own, object optimizer, tuple params, tuple grads) except -1:
    """Update by the rule's kernel; False where the rate is a schedule, or the kernel has declined."""
    cdef Arguments arguments
    cdef object lr = get(own, "lr"), value, state
    cdef list held = [], found
    cdef Py_ssize_t i
    if type(lr) is not float:
        return False
    arguments.count = 0
    give(&arguments, params)
    give(&arguments, grads)
    for name in rule.states:
        state, found = get(own, name), []
        for i in range(len(params)):
            found.append(get(<dict?> state, i))
        held.append(found)
        give(&arguments, found)
    give(&arguments, lr)
    for name in rule.factors:
        value = get(own, name)
        if value is None:  # not the instance's own, or none
            value = getattr(optimizer, name)
        held.append(value)
        give(&arguments, value)
    if call(rule.kernel, &arguments) is NotImplemented:
        return False
    put(own, "t", get(own, "t") + 1)
    return True
