"""Layer 3: findings and probes.  Empty so far; the inspections live in the slices."""
