"""Settings of all tests."""

import os

from hypothesis import settings

# machines are shared: how long one example takes says nothing about the code
settings.register_profile("computesim", deadline=None)
settings.load_profile("computesim")

os.environ.setdefault("COMPUTESIM_JOBS", "1")  # the suite itself keeps all cores busy
