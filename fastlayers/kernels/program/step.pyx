"""One layer in a program: which kernels go forward and back, and what is kept in between.

A layer's class says what its forward keeps for its backward, which is all there is to know of an elementwise layer:
its kernels take arrays, then the class's options, then memory for the result. So a new one of these has no line here.

Attributes are read and set in the layer's dictionary, at a third of the time: no class has a descriptor of a name that
is used here, and what a class has for a default, None or nothing, is what is read of one that is not there.
"""

cimport cython

cdef extern from "Python.h":
    ctypedef struct TypeObject "PyTypeObject":
        unsigned int tp_version_tag
    object PyObject_GenericGetDict(object, void *)
    PyObject *new_attributes "PyObject_GenericGetDict" (object, void *) except NULL
    void Py_INCREF(object)
    void Py_DECREF(PyObject *)
    void Py_XDECREF(PyObject *)
    object PyObject_Vectorcall(object callable, PyObject *const *arguments, size_t count, PyObject *names)
    int PyDict_SetItem(object, object, object) except -1
    Py_ssize_t PyDict_GET_SIZE(object)

cdef extern from * nogil:
    """
    /* What a dictionary has, None where it has nothing; a new reference, since another thread may take it out. */
    static inline PyObject *fl_attribute(PyObject *dict, PyObject *name) {
        PyObject *found;
    #if PY_VERSION_HEX >= 0x030D0000
        if (PyDict_GetItemRef(dict, name, &found) < 0) return NULL;
    #else
        found = PyDict_GetItemWithError(dict, name);
        if (found == NULL && PyErr_Occurred()) return NULL;
        Py_XINCREF(found);
    #endif
        if (found == NULL) { Py_INCREF(Py_None); return Py_None; }
        return found;
    }
    """

cdef extern from *:
    object fl_attribute(object dict, object name)
    PyObject *fl_new_attribute "fl_attribute" (object dict, object name) except NULL

cdef enum:
    MOST_ARGUMENTS = 16  # of a kernel
    MOST_STEPS = 64
    MOST_PARAMS = 128

cdef enum Kept:
    OF_ITS_OWN  # its methods are called
    MASK
    OUTPUT
    INPUT
    AFFINE  # its input, and the gradients of two parameters


cdef inline unsigned int version_of(type kind) noexcept:
    """Another number once the class, or one that it derives from, has changed."""
    return (<TypeObject *> kind).tp_version_tag


cdef inline object get(object attributes, object name):
    """What it has of that name, or None."""
    return fl_attribute(attributes, name)


cdef inline int put(object attributes, str name, object value) except -1:
    return PyDict_SetItem(attributes, name, value)


# What a call holds: of each layer its attributes and what its forward has kept, all parameters in order with their
# gradients, and that of the loss. A parameter that is not there is None; what no kernel has made in this call is NULL.
cdef struct Held:
    Py_ssize_t steps
    Py_ssize_t params
    PyObject *dout
    PyObject *attributes[MOST_STEPS]
    PyObject *kept[MOST_STEPS]
    PyObject *param[MOST_PARAMS]
    PyObject *grad[MOST_PARAMS]


cdef void let_go(Held *held) noexcept:
    cdef Py_ssize_t i
    Py_XDECREF(held.dout)
    for i in range(held.steps):
        Py_DECREF(held.attributes[i])
        Py_XDECREF(held.kept[i])
    for i in range(held.params):
        Py_DECREF(held.param[i])
        Py_XDECREF(held.grad[i])


cdef inline void hold_on(PyObject **place, object value) noexcept:
    """Have a place of a `Held` hold it."""
    cdef PyObject *before = place[0]
    Py_INCREF(value)
    place[0] = <PyObject *> value
    Py_XDECREF(before)


cdef inline void let_go_of(PyObject **place) noexcept:
    cdef PyObject *before = place[0]
    place[0] = NULL
    Py_XDECREF(before)


cdef inline object part(object whole, Py_ssize_t i):
    """One of what a layer has, or a kernel gives, in a tuple."""
    if type(whole) is not tuple or i >= len(<tuple> whole):
        raise TypeError(f"expected a tuple of {i + 1} or more, not {whole!r}")
    return (<tuple> whole)[i]


cdef inline object attributes_of(object instance):
    """The dictionary in which an object has what is its own."""
    return PyObject_GenericGetDict(instance, NULL)


# The arguments of a kernel; `held` is what holds those that are nobody else's.
cdef struct Arguments:
    PyObject *given[MOST_ARGUMENTS]
    size_t count


cdef inline void give(Arguments *arguments, object value) noexcept:
    arguments.given[arguments.count] = <PyObject *> value
    arguments.count += 1


cdef inline object call(object kernel, Arguments *arguments):
    return PyObject_Vectorcall(kernel, <PyObject *const *> arguments.given, arguments.count, NULL)


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
    cdef bint reshapes  # whether it has these attributes: else they need not be asked for
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
        cdef object result, y
        cdef list _held
        if self.kept == OF_ITS_OWN or not PyArray_CheckExact(x) or PyArray_NDIM(<ndarray> x) > 2:
            return self.layer.forward(x)
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
            return self.layer.forward(x)
        if self.kept == MASK:
            y, result = part(result, 0), part(result, 1)
            put(own, "mask", result)
        elif self.kept == OUTPUT:
            put(own, "out", result)
        else:
            result = x
            put(own, "x", x)
            if self.kept == AFFINE and self.reshapes:
                put(own, "_x_shape", ())
        hold_on(kept, result)
        return y

    cdef object go_backward(
        self, object own, object dout, PyObject **params, PyObject **grads, PyObject **kept, bint need_dx
    ):
        """dx of dout, or None; its gradients are set, and are where `grads` points to."""
        cdef Arguments arguments
        cdef object result, of_forward, dW, db
        cdef list _held
        if self.kept == OF_ITS_OWN or not PyArray_CheckExact(dout):
            return self.by_method(dout, need_dx)
        if kept[0] != NULL:
            of_forward = <object> kept[0]
        else:
            of_forward = get(own, "mask" if self.kept == MASK else "out" if self.kept == OUTPUT else "x")
            if of_forward is None or self.kept == AFFINE and self.reshapes and get(own, "_x_shape"):
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
        return part(result, 0)

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
