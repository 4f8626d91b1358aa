"""Layer 6: planted faults over all five tasks, and how well the doctor names them."""
