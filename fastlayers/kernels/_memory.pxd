from numpy cimport ndarray, npy_intp


cdef class Recycler:
    cdef ndarray newer
    cdef ndarray older
    cdef ndarray take(self, int ndim, npy_intp *shape, int typenum, bint fortran)
    cdef void let_go(self) noexcept
