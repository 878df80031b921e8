"""One layer in a program: which kernels go forward and back, and what is kept in between.

A layer's class says what its forward keeps for its backward, which is all there is to know of an elementwise layer:
its kernels take arrays, then the class's options, then memory for the result. So a new one of these has no line here.
"""

cimport cython


cdef enum:
    MOST_KEPT = 1 << 21  # numbers of a y whose memory is kept after a prediction


cdef enum Kept:
    OF_ITS_OWN  # its methods are called
    MASK
    OUTPUT
    INPUT
    AFFINE  # its input, and the gradients of two parameters
    CONVOLUTION  # the same, by its options; this and what follows is in `images.pyx`
    POOLING  # the shape of its input, and indices
    SHAPE  # that of its input alone
    STEPS  # as AFFINE, of the steps of sequences; see `steps.pyx`
    FORK  # no layer: what is given goes to each of several branches, and
    END  # one of them ends; see `branches.pyx`


cdef int let_go_of_much(object memory, object y) except -1:
    """Keep no memory for the results of a prediction of which y, that was made in it, is large."""
    if not PyArray_CheckExact(y) or size_of(y) <= MOST_KEPT:
        return 0
    for each in memory if type(memory) is tuple else (memory,):
        if type(each) is Recycler:
            (<Recycler> each).let_go()
    return 0


@cython.final
cdef class Step:
    """A layer's place in a program.

    Parameters
    ----------
    layer : Layer
        Of this package, of a class with ``param_names`` and ``options``.
    kept : str or None
        What its forward keeps for its backward: "mask", "out", "x", "affine", "steps", "convolution", "pooling" or
        "shape"; None where only its methods know. "fork" and "end" of a `Parallel` before its branches and behind each.
    forward, backward, predict : callable or None
        Its kernels; None with `kept`, and where predicting is an affair of its method.
    """

    cdef readonly object layer
    cdef type kind
    cdef unsigned int version
    cdef Py_ssize_t attributes  # how many it has: one that it did not have would be one more
    cdef bint reshapes  # whether it had these attributes: else they need not be asked for
    cdef bint hands_out
    cdef bint freezes
    cdef bint marked
    cdef Kept kept
    cdef object forward
    cdef object backward
    cdef object predict
    cdef tuple options
    cdef tuple defaults  # what its class has for each
    cdef readonly tuple params
    cdef tuple grads
    cdef object indices  # the attribute with those of the rows outside which its gradients are zero, or None
    cdef object memory  # for the results of forward, and
    cdef object memory_of_backward
    cdef readonly str entry  # the name of its kernel for predicting, where that takes no option, or ""

    def __cinit__(self, layer, kept=None, forward=None, backward=None, predict=None):
        cdef object memory = get(attributes_of(layer), "_memory")
        self.layer, self.kind = layer, type(layer)
        self.version = version_of(self.kind)
        self.attributes = PyDict_GET_SIZE(attributes_of(layer))
        self.reshapes, self.hands_out = "_x_shape" in attributes_of(layer), "_handed_out" in attributes_of(layer)
        self.freezes, self.marked = "_frozen" in attributes_of(layer), "_last_run" in attributes_of(layer)
        kinds = {
            None: OF_ITS_OWN,
            "mask": MASK,
            "out": OUTPUT,
            "x": INPUT,
            "affine": AFFINE,
            "convolution": CONVOLUTION,
            "pooling": POOLING,
            "shape": SHAPE,
            "steps": STEPS,
            "fork": FORK,
            "end": END,
        }
        self.kept = kinds[kept]
        self.forward, self.backward, self.predict = forward, backward, predict
        self.options = tuple(layer.options)
        self.defaults = tuple([getattr(self.kind, name, None) for name in self.options])
        self.params = tuple(layer.param_names)
        if self.kept == AFFINE and self.params == ("W",):  # a product alone, whose b is None
            self.params = ("W", "b")
        self.grads = tuple([f"d{name}" for name in self.params])
        self.indices = getattr(layer, "_indices_of_rows", None)
        self.memory = memory
        if memory is not None and (MASK <= self.kept <= INPUT or self.kept == POOLING):
            self.memory, self.memory_of_backward = part(memory, 0), part(memory, 1)
        if len(self.options) + 8 > MOST_ARGUMENTS:
            raise ValueError(f"{self.kind.__name__} has {len(self.options)} options, too many for a program")
        if AFFINE <= self.kept <= CONVOLUTION and len(self.params) != 2:
            raise ValueError(f"{self.kind.__name__} has {len(self.params)} parameters, not W and b")
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
            held.param[held.params] = fl_new_attribute(<object> attributes, name, None)
            held.params += 1
            held.is_trained[held.params - 1] = (
                held.param[held.params - 1] != <PyObject *> None and not self.is_frozen(<object> attributes)
            )
        return True

    cdef inline bint is_frozen(self, object own) except -1:
        """Whether the layer's gradients are of no use."""
        return self.freezes and bool(get(own, "_frozen"))

    cdef inline tuple options_of(self, object own):
        """The layer's options, as its kernels are given them."""
        cdef Py_ssize_t i, n = len(self.options)
        cdef tuple found
        cdef object value
        if n == 0:
            return ()
        found = PyTuple_New(n)
        for i in range(n):
            value = fl_attribute(
                own, <object> PyTuple_GET_ITEM(self.options, i), <object> PyTuple_GET_ITEM(self.defaults, i)
            )
            Py_INCREF(value)
            PyTuple_SET_ITEM(found, i, value)
        return found

    cdef object go_forward(self, object own, object x, PyObject **params, PyObject **kept):
        """y of x; what backward needs is kept, in `kept` too. Its parameters are where `params` points to."""
        cdef Arguments arguments
        cdef object result, y, given = x
        cdef object shape = ()
        cdef tuple options
        if self.kept == OF_ITS_OWN or not PyArray_CheckExact(x):
            return self.layer.forward(x)
        if self.kept == STEPS:
            return forward_of_steps(self, own, x, params, kept)
        if self.kept >= CONVOLUTION:
            return forward_of_images(self, own, x, params, kept)
        if self.kept == AFFINE and PyArray_NDIM(<ndarray> x) > 2:
            shape, x = x.shape, flat(x)
        arguments.count = 0
        give(&arguments, x)
        if self.kept == AFFINE:
            give(&arguments, <object> params[0])
            give(&arguments, <object> params[1])
        else:
            options = self.options_of(own)
            give_all(&arguments, options)
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
        cdef object result, of_forward, dx
        cdef tuple options
        if self.kept == OF_ITS_OWN or not PyArray_CheckExact(dout):
            return self.by_method(dout, need_dx)
        if self.kept == STEPS:
            return backward_of_steps(self, own, dout, params, grads, kept, need_dx)
        if self.kept >= CONVOLUTION:
            return backward_of_images(self, own, dout, params, grads, kept, need_dx)
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
            options = self.options_of(own)
            give_all(&arguments, options)
            give(&arguments, self.memory_of_backward)
            result = call(self.backward, &arguments)
            return self.by_method(dout, need_dx) if result is NotImplemented else result
        give(&arguments, <object> params[0])
        _memory = self.give_needed(&arguments, own, need_dx)
        result = call(self.backward, &arguments)
        if result is NotImplemented:
            return self.by_method(dout, need_dx)
        dx = self.set_gradients(own, result, params, grads)
        if dx is not None and (self.reshapes or PyDict_GET_SIZE(own) != self.attributes) and get(own, "_x_shape"):
            return dx.reshape(get(own, "_x_shape"))
        return dx

    cdef object give_needed(self, Arguments *arguments, object own, bint need_dx):
        """Give an affine kernel what says which gradients are needed, with memory for these, which is held by it.

        What was handed out is written by the kernel itself, where it fits.
        """
        cdef bint need_dW = not self.is_frozen(own)
        cdef object memory = get(own, "_gradients"), handed = self.handed_out(own), db
        if not need_dW:
            memory = (part(memory, 0), None, None)
        elif handed is not None:
            db = get(handed, "b")
            memory = (part(memory, 0), get(handed, "W"), part(memory, 2) if db is None else db)
        give(arguments, True if need_dx else False)
        give(arguments, True if need_dW else False)
        give(arguments, memory)
        return memory

    cdef inline object handed_out(self, object own):
        """The gradients that were handed out, by the names of their parameters; None for none."""
        cdef object handed = get(own, "_handed_out") if self.hands_out else None
        return handed if type(handed) is dict and len(<dict> handed) > 0 else None

    cdef object set_gradients(self, object own, object result, PyObject **params, PyObject **grads):
        """Set dW and db of a kernel's (dx, dW, db), into what was handed out if they were; its dx."""
        cdef object dW = part(result, 1), db = None if <object> params[1] is None else part(result, 2)
        cdef object handed = self.handed_out(own)
        if handed is not None and (get(handed, "W") is not dW or get(handed, "b") is not db):
            self.layer._set_gradients(W=dW, b=db)
            return part(result, 0)
        put(own, "dW", dW)
        put(own, "db", db)
        if handed is None:
            hold_on(&grads[0], dW)
            hold_on(&grads[1], db)
        return part(result, 0)

    cdef inline object memory_of_predict(self):
        """For what its kernel for predicting makes."""
        cdef object memory = self.memory
        # of a pair forward's kernel takes both, and one for y alone the first
        return part(memory, 0) if type(memory) is tuple and self.predict is not self.forward else memory

    cdef object by_method(self, object dout, bint need_dx):
        if need_dx or not self.layer._can_leave_out_dx:
            return self.layer.backward(dout)
        return self.layer.backward(dout, need_dx=False)

    cdef object go_predict(self, object own, object x, PyObject **params, bint is_last):
        """y of x, with nothing kept but memory for it, where it is the network's alone."""
        cdef Arguments arguments
        cdef object result, memory = None
        cdef tuple options
        if self.kept == SHAPE:
            return flat(x) if are_samples(x) else self.layer.predict(x)
        if self.predict is None or not PyArray_CheckExact(x):
            return self.layer.predict(x)
        if not is_last:
            memory = self.memory_of_predict()
        if self.kept == STEPS:
            result = product_of_steps(self, x, params, memory)
        else:
            arguments.count = 0
            give(&arguments, x)
            if len(self.params) > 0:
                give(&arguments, <object> params[0])
                give(&arguments, <object> params[1])
            options = self.options_of(own)
            give_all(&arguments, options)
            if not is_last:
                give(&arguments, memory)
            result = call(self.predict, &arguments)
        if result is NotImplemented:
            return self.layer.predict(x)
        result = part(result, 0) if type(result) is tuple else result
        let_go_of_much(memory, result)
        return result
