"""Critique: a piano performance heard on 19 perceptual dimensions."""
