include "all.pyx"
