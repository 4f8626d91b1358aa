"""Layer 3: findings, and the plain checks that they are made of."""
