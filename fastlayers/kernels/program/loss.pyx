"""The loss as part of a program, by its kernel where it is one of the package's."""


@cython.final
cdef class LossStep:
    """A loss layer's place in a program.

    Parameters
    ----------
    loss : object or None
    kernel : callable or None
        Its kernel; None where its methods are to be called.
    options : sequence of str
        The attributes that the kernel is given after scores, targets and memory; "sample_weight" is the call's.
    """

    cdef object loss
    cdef type kind
    cdef unsigned int version
    cdef Py_ssize_t attributes  # as of a `Step`
    cdef object kernel
    cdef object memory
    cdef tuple options  # names, of those that are its own, and
    cdef tuple defaults  # what its class has for each
    cdef Py_ssize_t sample_weight  # its place among these

    def __cinit__(self, loss, kernel=None, options=()):
        self.loss, self.kind, self.kernel = loss, type(loss), kernel
        self.version = version_of(self.kind)
        if kernel is None:
            return
        own = attributes_of(loss)
        self.attributes, self.memory = PyDict_GET_SIZE(own), get(own, "_memory")
        self.sample_weight = options.index("sample_weight") if "sample_weight" in options else -1
        self.options = tuple([name if name in own else None for name in options])
        self.defaults = tuple([getattr(self.kind, name, None) for name in options])
        if len(self.options) + 3 > MOST_ARGUMENTS:
            raise ValueError(f"{self.kind.__name__} has {len(self.options)} options, too many for a program")

    cdef inline bint is_of(self, object loss) except -1:
        """Whether it is this loss's, with its methods as they were."""
        if loss is None or loss is not self.loss or type(loss) is not self.kind:
            return False
        if self.kernel is None:
            return True
        return version_of(self.kind) == self.version and PyDict_GET_SIZE(attributes_of(loss)) == self.attributes

    cdef object go(self, Held *held, object y, object t, object sample_weight):
        """The loss; its gradient, where the kernel has made it, is then in `held`.

        No layer writes to what the loss keeps: it need not be the copy that a user is given.
        """
        cdef Arguments arguments
        cdef object own, result, value
        cdef list _held = []
        cdef Py_ssize_t i
        if self.kernel is not None:
            own = attributes_of(self.loss)
            arguments.count = 0
            give(&arguments, y)
            give(&arguments, t)
            give(&arguments, self.memory)
            for i in range(len(self.options)):
                if i == self.sample_weight:
                    give(&arguments, sample_weight)
                elif self.options[i] is None:
                    give(&arguments, <object> PyTuple_GET_ITEM(self.defaults, i))
                else:
                    value = get(own, self.options[i])
                    _held.append(value)
                    give(&arguments, value)
            result = call(self.kernel, &arguments)
            if result is not NotImplemented:
                value = part(result, 0)
                put(own, "loss", value)
                put(own, "y", part(result, 1) if len(<tuple> result) > 2 else y)
                put(own, "t", t)
                hold_on(&held.dout, part(result, len(<tuple> result) - 1))
                put(own, "_dx", <object> held.dout)
                return value
        if sample_weight is None:
            return self.loss.forward(y, t)
        return self.loss.forward(y, t, sample_weight=sample_weight)
