"""What every test takes for granted of its process."""

import os
import signal

# One thread, as at a site: small problems on many threads take minutes, not seconds.
for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

# Ctrl-C ends it, and what it starts. A shell makes commands in the background ignore interrupts
# (`nohup make test &`), and programs inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
