"""Layer 1: scores, files, keys, grids, rules and corpora.  numpy, no torch."""
