"""Layer 0: configuration, errors, run folders, checkpoints, limits.  Imports no torch at start."""
