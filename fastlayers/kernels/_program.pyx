"""Networks as one call, for all levels: a program asks the kernels that it is given, whichever they are."""

from cpython.pycapsule cimport PyCapsule_GetPointer
from cpython.ref cimport PyObject
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_New, PyTuple_SET_ITEM
from numpy cimport import_array

from fastlayers.kernels.common.arrays cimport *
from fastlayers.kernels.common.small_network cimport AN_AFFINE, MOST_SMALL, SmallLayer, SmallNetwork

import_array()

include "program/held.pyx"
include "program/step.pyx"
include "program/images.pyx"
include "program/steps.pyx"
include "program/small.pyx"
include "program/loss.pyx"
include "program/update.pyx"
include "program/program.pyx"
include "program/branches.pyx"
