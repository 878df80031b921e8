"""Kernels of one array, without options, which a small network runs where it has memory: by their entry's name."""

cdef enum:
    MOST_MAPS = 32

cdef Task[MOST_MAPS] maps
cdef dict places = {}


cdef int declare(str entry, Task task) except -1:
    """Say that an entry of one plain array runs this task, with the option 0."""
    if len(places) == MOST_MAPS:
        raise ValueError("there are more such kernels than places for them")
    maps[len(places)] = task
    places[entry] = len(places)
    return 0
