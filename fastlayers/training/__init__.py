"""How networks are trained: the one loop, what calls it while it runs, and what it keeps."""
