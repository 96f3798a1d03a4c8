"""How the suite runs: one thread for each worker."""

import os

# Workers inherit this. There is one for each core: with as many threads each they would wait for
# one another, and take twice the time. Tests of threads say themselves how many they want.
os.environ.setdefault("OMP_NUM_THREADS", "1")
