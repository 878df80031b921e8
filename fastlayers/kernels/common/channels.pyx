"""Batch normalization of the channels of x: what it is of, by the arrays and options that its entry was given."""

cdef extern from "channels.h" nogil:
    enum:
        FL_PREDICT
        FL_FORWARD
        FL_BACKWARD
    ctypedef struct FlNormalization:
        int kind
        Py_ssize_t rows
        Py_ssize_t channels
        Py_ssize_t each
        Py_ssize_t units
        double momentum
        double eps
        const void *x
        const void *gamma
        const void *other
        const void *mean
        const void *var
        void *results[5]
    void fl_divide_normalization(FlNormalization *work, Py_ssize_t size)
    void fl_normalise_float(const FlNormalization *work, Py_ssize_t start, Py_ssize_t stop)
    void fl_normalise_double(const FlNormalization *work, Py_ssize_t start, Py_ssize_t stop)

cdef struct Normalization:
    FlNormalization of
    int typenum
    Argument x
    Argument gamma
    Argument other
    Argument mean
    Argument var
    Argument[5] results
