"""What a call of a program holds, and how it reads and sets attributes and calls kernels.

Attributes are read and set in the layer's dictionary, at a third of the time: no class has a descriptor of a name that
is used here, and what a class has for a default, None or nothing, is what is read of one that is not there.
"""

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
    /* What a dictionary has, or what is given for it; a new reference, since another thread may take it out. */
    static inline PyObject *fl_attribute(PyObject *dict, PyObject *name, PyObject *otherwise) {
        PyObject *found;
    #if PY_VERSION_HEX >= 0x030D0000
        if (PyDict_GetItemRef(dict, name, &found) < 0) return NULL;
    #else
        found = PyDict_GetItemWithError(dict, name);
        if (found == NULL && PyErr_Occurred()) return NULL;
        Py_XINCREF(found);
    #endif
        if (found == NULL) { Py_INCREF(otherwise); return otherwise; }
        return found;
    }
    """

cdef extern from *:
    object fl_attribute(object dict, object name, object otherwise)
    PyObject *fl_new_attribute "fl_attribute" (object dict, object name, object otherwise) except NULL

cdef enum:
    MOST_ARGUMENTS = 16  # of a kernel
    MOST_STEPS = 64
    MOST_PARAMS = 128

cdef inline unsigned int version_of(type kind) noexcept:
    """Another number once the class, or one that it derives from, has changed."""
    return (<TypeObject *> kind).tp_version_tag


cdef inline object get(object attributes, object name):
    """What it has of that name, or None."""
    return fl_attribute(attributes, name, None)


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
    bint is_trained[MOST_PARAMS]  # there, and of no frozen layer


cdef void let_go(Held *held) noexcept:
    cdef Py_ssize_t i
    Py_XDECREF(held.dout)
    for i in range(held.steps):
        Py_DECREF(held.attributes[i])
        Py_XDECREF(held.kept[i])
    for i in range(held.params):
        Py_DECREF(held.param[i])
        Py_XDECREF(held.grad[i])


cdef inline Py_ssize_t first_param(const Held *held) noexcept:
    """The place of the first parameter that is trained."""
    return first_trained(held, 0, held.params)


cdef inline Py_ssize_t first_trained(const Held *held, Py_ssize_t begin, Py_ssize_t end) noexcept:
    """The same of those from one place up to another, which it is where there is none."""
    while begin < end and not held.is_trained[begin]:
        begin += 1
    return begin


cdef tuple params_of(const Held *held):
    """The parameters that are trained."""
    return collected(held, held.param)


cdef tuple collected(const Held *held, PyObject *const *those):
    """Those of the parameters that are trained."""
    cdef Py_ssize_t i, n = 0
    cdef tuple found
    for i in range(held.params):
        n += held.is_trained[i]
    found, n = PyTuple_New(n), 0
    for i in range(held.params):
        if held.is_trained[i]:
            Py_INCREF(<object> those[i])
            PyTuple_SET_ITEM(found, n, <object> those[i])
            n += 1
    return found


cdef inline void hold_on(PyObject **place, object value) noexcept:
    """Have a place of a `Held` hold it."""
    cdef PyObject *before = place[0]
    Py_INCREF(value)
    place[0] = <PyObject *> value
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


cdef inline void give_all(Arguments *arguments, tuple values) noexcept:
    """Give values that something else holds."""
    cdef Py_ssize_t i
    for i in range(len(values)):
        give(arguments, <object> PyTuple_GET_ITEM(values, i))


cdef inline object call(object kernel, Arguments *arguments):
    return PyObject_Vectorcall(kernel, <PyObject *const *> arguments.given, arguments.count, NULL)
