"""One thread a process, as at a site: small problems on many threads take minutes, not seconds."""

import os

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
