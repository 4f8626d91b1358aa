"""Text to music: a sentence becomes a valid piece that does what the sentence says."""
