"""The compiled kernels: one module per instruction set, built from one source; ``backend`` picks one."""
