"""An optimizer's rule as part of a program: its class says by which kernel it runs, and what that is given."""


@cython.final
cdef class UpdateStep:
    """How optimizers of one class update.

    Parameters
    ----------
    kernel : callable
        Given lists of parameters and gradients, a list of each state, the rate, and what else the rule takes.
    states, factors : sequence of str
        The attributes with dictionaries of states, and with the numbers after the rate, of which "_t" is one more than
        the updates that were done.
    defaults : sequence
        Of each of these numbers what the class has, for an object that has none of its own.
    kernel_of_rows : callable, optional
        The same for gradients that are zero outside of some rows; given besides, last, the indices of these for each
        gradient, or None.
    """

    cdef object kernel
    cdef object kernel_of_rows
    cdef tuple states
    cdef tuple factors
    cdef tuple defaults
    cdef Py_ssize_t t  # its place among the factors, or -1

    def __cinit__(self, kernel, states, factors, defaults, kernel_of_rows=None):
        self.kernel, self.kernel_of_rows = kernel, kernel_of_rows
        self.states, self.factors, self.defaults = tuple(states), tuple(factors), tuple(defaults)
        if 4 + len(self.states) + len(self.factors) > MOST_ARGUMENTS:
            raise ValueError(f"{len(self.factors)} numbers are too many for the rule of a program")
        self.t = self.factors.index("_t") if "_t" in self.factors else -1
        if len(self.defaults) != len(self.factors):
            raise ValueError(f"{len(self.defaults)} defaults do not go with {len(self.factors)} numbers")

    def run(self, optimizer, list params not None, list grads not None, lr):
        """Update by this rule, at this rate; return whether that was possible."""
        return update_by(self, attributes_of(optimizer), tuple(params), tuple(grads), None, lr)


cdef tuple of_each(dict state, Py_ssize_t params):
    """A state's array of each parameter, None where there is none yet."""
    cdef tuple found = PyTuple_New(params)
    cdef object array
    cdef Py_ssize_t i
    for i in range(params):
        array = get(state, i)
        Py_INCREF(array)
        PyTuple_SET_ITEM(found, i, array)
    return found


cdef inline bint were_updated_last(object own, tuple params) except -1:
    """Return whether these are the parameters of an optimizer's last update, object for object and by position."""
    cdef object updated = get(own, "_updated")
    cdef Py_ssize_t i, n = PyTuple_GET_SIZE(params)
    if type(get(own, "_keys")) is not range:
        return False
    if not PyTuple_CheckExact(updated) or PyTuple_GET_SIZE(<tuple> updated) != n:
        return False
    for i in range(n):
        if PyTuple_GET_ITEM(<tuple> updated, i) != PyTuple_GET_ITEM(params, i):
            return False
    return True


cdef bint update_by(UpdateStep rule, object own, tuple params, tuple grads, tuple touched, object lr) except -1:
    """Update by the rule's kernel; return False where the optimizer's `update` has to.

    It has to find each parameter's state anew where they are not those of the last update, or the rate is a schedule.
    """
    cdef Arguments arguments
    cdef object next_t = get(own, "t"), kernel = rule.kernel, value, late
    cdef list held = []
    cdef Py_ssize_t i
    if type(lr) is not float or type(next_t) is not int or next_t < 0 or len(params) == 0:
        return False
    if not were_updated_last(own, params):
        return False
    next_t += 1
    arguments.count = 0
    give(&arguments, params)
    give(&arguments, grads)
    for name in rule.states:
        value = get(own, name)
        if type(value) is not dict or len(<dict> value) > len(params):
            return False
        value = of_each(value, len(params))
        held.append(value)
        give(&arguments, value)
    give(&arguments, lr)
    for i in range(len(rule.factors)):
        if i == rule.t:
            late = get(own, "_late")
            value = tuple([max(next_t - behind, 1) for behind in late]) if late else next_t
        else:
            value = get(own, rule.factors[i])
        if value is None and rule.defaults[i] is not None and rule.factors[i] not in own:
            value = rule.defaults[i]
        held.append(value)
        give(&arguments, value)
    if touched is not None and rule.kernel_of_rows is not None:
        kernel = rule.kernel_of_rows
        give(&arguments, touched)
    if call(kernel, &arguments) is NotImplemented:
        return False
    put(own, "t", next_t)
    return True
