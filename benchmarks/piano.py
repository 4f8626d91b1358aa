"""How fast the piano is beside other libraries, on one core: ``python benchmarks/piano.py``.

The same as ``partimento bench piano``, with the threads of numpy and torch held to one from the
start.  Options: ``--quick``, ``--json``, ``--data DIR``, ``-o DIR``; see ``partimento bench piano
--help``.
"""

from __future__ import annotations

import os
import sys

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from partimento.cli.main import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(["bench", "piano", *sys.argv[1:]]))
