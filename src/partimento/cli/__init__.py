"""Layer 7: the command line.  Every command translates its options into one call of a twin."""
