"""Fit and resume: configuration, curriculum, samplers, optimisers, and the trainer.

Inference never imports this package.  Only :mod:`partimento.training.trainer` imports Lightning.
"""
