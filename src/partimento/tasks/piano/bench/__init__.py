"""How fast the piano is, beside the usual libraries and beside what the machine could do."""
