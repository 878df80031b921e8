"""One layer in a program: which kernels go forward and back, and what is kept in between.

A layer's class says what its forward keeps for its backward, which is all there is to know of an elementwise layer:
its kernels take arrays, then the class's options, then memory for the result. So a new one of these has no line here.
"""

cimport cython


cdef enum Kept:
    OF_ITS_OWN  # its methods are called
    MASK
    OUTPUT
    INPUT
    AFFINE  # its input, and the gradients of two parameters


@cython.final
cdef class Step:
    """A layer's place in a program.

    Parameters
    ----------
    layer : Layer
        Of this package, of a class with ``param_names`` and ``options``.
    kept : str or None
        What its forward keeps for its backward: "mask", "out", "x" or "affine"; None where only its methods know.
    forward, backward, predict : callable or None
        Its kernels; None with `kept`, and where predicting is an affair of its method.
    """

    cdef readonly object layer
    cdef type kind
    cdef unsigned int version
    cdef Py_ssize_t attributes  # how many it has: one that it did not have would be one more
    cdef bint reshapes  # whether it had these attributes: else they need not be asked for
    cdef bint hands_out
    cdef Kept kept
    cdef object forward
    cdef object backward
    cdef object predict
    cdef tuple options
    cdef readonly tuple params
    cdef tuple grads
    cdef object memory  # for the results of forward, and
    cdef object memory_of_backward
    cdef readonly str entry  # the name of its kernel for predicting, where that takes no option, or ""

    def __cinit__(self, layer, kept=None, forward=None, backward=None, predict=None):
        cdef object memory = get(attributes_of(layer), "_memory")
        self.layer, self.kind = layer, type(layer)
        self.version = version_of(self.kind)
        self.attributes = PyDict_GET_SIZE(attributes_of(layer))
        self.reshapes, self.hands_out = "_x_shape" in attributes_of(layer), "_handed_out" in attributes_of(layer)
        kinds = {None: OF_ITS_OWN, "mask": MASK, "out": OUTPUT, "x": INPUT, "affine": AFFINE}
        self.kept = kinds[kept]
        self.forward, self.backward, self.predict = forward, backward, predict
        self.options = tuple(layer.options)
        self.params = tuple(layer.param_names)
        self.grads = tuple([f"d{name}" for name in self.params])
        self.memory = memory
        if memory is not None and MASK <= self.kept <= INPUT:
            self.memory, self.memory_of_backward = part(memory, 0), part(memory, 1)
        if len(self.options) + 3 > MOST_ARGUMENTS:
            raise ValueError(f"{self.kind.__name__} has {len(self.options)} options, too many for a program")
        if self.kept == AFFINE and len(self.params) != 2:
            raise ValueError(f"{self.kind.__name__} has {len(self.params)} parameters, not the 2 of an affine layer")
        self.entry = "" if len(self.options) > 0 else getattr(predict, "__name__", "")

    cdef inline bint hold(self, object layer, Held *held) except -1:
        """Hold the layer's attributes and parameters, if it is the one of this step, with its methods as they were."""
        cdef PyObject *attributes
        if layer is not self.layer or type(layer) is not self.kind:
            return False
        if version_of(self.kind) != self.version:
            return False
        attributes = new_attributes(layer, NULL)
        held.attributes[held.steps] = attributes
        held.kept[held.steps] = NULL
        held.steps += 1
        if PyDict_GET_SIZE(<object> attributes) != self.attributes:
            return False
        for name in self.params:
            held.grad[held.params] = NULL
            held.param[held.params] = fl_new_attribute(<object> attributes, name)
            held.params += 1
        return True

    cdef inline list give_options(self, Arguments *arguments, object own):
        """The options as arguments; what holds them."""
        cdef list held = None
        cdef object value
        if len(self.options) > 0:
            held = []
            for name in self.options:
                value = get(own, name)
                held.append(value)
                give(arguments, value)
        return held

    cdef object go_forward(self, object own, object x, PyObject **params, PyObject **kept):
        """y of x; what backward needs is kept, in `kept` too. Its parameters are where `params` points to."""
        cdef Arguments arguments
        cdef object result, y, given = x
        cdef object shape = ()
        cdef list _held
        if self.kept == OF_ITS_OWN or not PyArray_CheckExact(x):
            return self.layer.forward(x)
        if self.kept == AFFINE and PyArray_NDIM(<ndarray> x) > 2:
            shape = x.shape
            x = x.reshape(shape[0], (<ndarray> x).size // max(PyArray_DIM(<ndarray> x, 0), 1))
        arguments.count = 0
        give(&arguments, x)
        if self.kept == AFFINE:
            give(&arguments, <object> params[0])
            give(&arguments, <object> params[1])
        else:
            _held = self.give_options(&arguments, own)
        give(&arguments, self.memory)
        result = y = call(self.forward, &arguments)
        if result is NotImplemented:
            return self.layer.forward(given)
        if self.kept == MASK:
            y, result = part(result, 0), part(result, 1)
            put(own, "mask", result)
        elif self.kept == OUTPUT:
            put(own, "out", result)
        else:
            result = x
            put(own, "x", x)
            if self.kept == AFFINE and (self.reshapes or x is not given):
                put(own, "_x_shape", shape)
        hold_on(kept, result)
        return y

    cdef object go_backward(
        self, object own, object dout, PyObject **params, PyObject **grads, PyObject **kept, bint need_dx
    ):
        """dx of dout, or None; its gradients are set, and are where `grads` points to."""
        cdef Arguments arguments
        cdef object result, of_forward, dx, dW, db
        cdef list _held
        if self.kept == OF_ITS_OWN or not PyArray_CheckExact(dout):
            return self.by_method(dout, need_dx)
        if kept[0] != NULL:
            of_forward = <object> kept[0]
        else:
            of_forward = get(own, "mask" if self.kept == MASK else "out" if self.kept == OUTPUT else "x")
            if of_forward is None or self.kept == AFFINE and get(own, "_x_shape"):
                return self.by_method(dout, need_dx)
        arguments.count = 0
        give(&arguments, dout)
        give(&arguments, of_forward)
        if self.kept != AFFINE:
            _held = self.give_options(&arguments, own)
            give(&arguments, self.memory_of_backward)
            result = call(self.backward, &arguments)
            return self.by_method(dout, need_dx) if result is NotImplemented else result
        if self.hands_out and get(own, "_handed_out"):
            return self.by_method(dout, need_dx)
        give(&arguments, <object> params[0])
        give(&arguments, True if need_dx else False)
        memory = get(own, "_gradients")
        give(&arguments, memory)
        result = call(self.backward, &arguments)
        if result is NotImplemented:
            return self.by_method(dout, need_dx)
        dW, db = part(result, 1), None if <object> params[1] is None else part(result, 2)
        put(own, "dW", dW)
        put(own, "db", db)
        hold_on(&grads[0], dW)
        hold_on(&grads[1], db)
        dx = part(result, 0)
        if dx is not None and (self.reshapes or PyDict_GET_SIZE(own) != self.attributes) and get(own, "_x_shape"):
            return dx.reshape(get(own, "_x_shape"))
        return dx

    cdef object by_method(self, object dout, bint need_dx):
        if need_dx or not self.layer._can_leave_out_dx:
            return self.layer.backward(dout)
        return self.layer.backward(dout, need_dx=False)

    cdef object go_predict(self, object own, object x, PyObject **params):
        """y of x, with nothing kept."""
        cdef Arguments arguments
        cdef object result
        cdef list _held
        if self.predict is None or not PyArray_CheckExact(x):
            return self.layer.predict(x)
        arguments.count = 0
        give(&arguments, x)
        if self.kept == AFFINE:
            give(&arguments, <object> params[0])
            give(&arguments, <object> params[1])
        else:
            _held = self.give_options(&arguments, own)
        result = call(self.predict, &arguments)
        if result is NotImplemented:
            return self.layer.predict(x)
        return part(result, 0) if type(result) is tuple else result
