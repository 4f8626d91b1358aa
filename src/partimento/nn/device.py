"""The device that a user names."""

from __future__ import annotations

import torch

from partimento.core.errors import ConfigError


def checked_device(device: str) -> torch.device:
    """``cpu``, ``cuda``, ``cuda:1`` or ``mps`` as a torch device.

    Raises ConfigError for another word, and for a device that this machine does not have.
    """
    kind, _, number = device.partition(":")
    count = {
        "cpu": 1,
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
    }
    if kind not in count or (number and not number.isdigit()):
        raise ConfigError(
            f"unknown device {device!r}", where="--device", fix="Use cpu, cuda, cuda:0 or mps"
        )
    if int(number or 0) >= count[kind]:
        raise ConfigError(
            f"this machine has no device {device}", where="--device", fix="Use --device cpu"
        )
    return torch.device(kind, int(number)) if number and kind == "cuda" else torch.device(kind)
