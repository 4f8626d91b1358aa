"""The decoder's compiled kernel: C source, how it is built, and how Python calls it."""
