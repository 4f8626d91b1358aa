"""Layer 6: from one input to everything that a user wants to see, hear and read.

The only package, beside the self-test, that may know several tasks.
"""
