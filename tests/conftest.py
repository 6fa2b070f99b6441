"""Settings of all tests."""

from hypothesis import settings

# machines are shared: how long one example takes says nothing about the code
settings.register_profile("computesim", deadline=None)
settings.load_profile("computesim")
