"""Compile the kernel with the system's C compiler at first use; without one there is no kernel.

The library is kept in the user's cache folder under a name that depends on the source, the flags,
the compiler and the processor, so that a shared home folder serves different machines.  Set
``PARTIMENTO_NATIVE=0`` to do without it, ``PARTIMENTO_CACHE`` to keep it elsewhere, and ``CC`` to
name the compiler.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from partimento.core.files import atomic_path

SOURCE = Path(__file__).with_name("decoder.c")
COMMON = ("-O3", "-std=gnu11", "-fPIC", "-shared", "-fno-math-errno", "-fno-trapping-math")
TRIALS: tuple[tuple[str, ...], ...] = (
    ("-march=native", "-mprefer-vector-width=512", "-fopenmp-simd"),
    ("-march=native", "-fopenmp-simd"),
    ("-mcpu=native", "-fopenmp-simd"),
    (),
)
"""Flags from the best to the plainest; the first set that the compiler takes is used."""
COMPILE_SEC = 60.0


def cache_folder() -> Path:
    """Where compiled libraries are kept, after the custom of the system."""
    if named := os.environ.get("PARTIMENTO_CACHE"):
        return Path(named) / "kernels"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "partimento" / "kernels"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "partimento" / "kernels"


def compiler() -> str | None:
    """The C compiler's path, None where there is none."""
    names = [os.environ.get("CC", ""), "cc", "gcc", "clang"]
    return next((path for name in names if name and (path := shutil.which(name))), None)


def processor() -> str:
    """What the compiled code depends on: the architecture and its instruction sets."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    wanted = ("model name", "flags", "Features", "CPU part")
    facts = sorted({line for line in lines if line.startswith(wanted)})
    return "\n".join([platform.machine(), *facts])


def library_path(program: str, flags: tuple[str, ...], folder: Path) -> Path:
    """Name of the library of this source, compiler, flags and processor."""
    version = subprocess.run(
        [program, "--version"], capture_output=True, text=True, timeout=COMPILE_SEC, check=True
    ).stdout
    parts = [SOURCE.read_text(encoding="utf-8"), version, *COMMON, *flags, processor()]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return folder / f"decoder-{digest[:20]}.so"


def build(flags: tuple[str, ...], folder: Path) -> Path:
    """Path of the compiled library; made if it is not there.

    Raises OSError (no compiler, no place to write) or subprocess.SubprocessError (it refuses).
    """
    program = compiler()
    if program is None:
        raise FileNotFoundError("no C compiler")
    target = library_path(program, flags, folder)
    if not target.is_file():
        with atomic_path(target) as temporary:
            command = [
                program,
                *COMMON,
                *flags,
                "-x",
                "c",
                str(SOURCE),
                "-o",
                str(temporary),
                "-lm",
            ]
            subprocess.run(command, capture_output=True, timeout=COMPILE_SEC, check=True)
    return target


@cache
def library() -> ctypes.CDLL | None:
    """The kernel, None where it cannot be had; never raises."""
    if os.environ.get("PARTIMENTO_NATIVE", "1") == "0" or sys.byteorder != "little":
        return None
    for flags in TRIALS:
        try:
            return ctypes.CDLL(str(build(flags, cache_folder())))
        except (OSError, subprocess.SubprocessError):
            continue
    return None
