"""Network building blocks without any task meaning: attention, blocks, losses, taps."""
