"""Property tests here are timed by no one: the machines of a team are shared."""

from hypothesis import settings

settings.register_profile("workload", deadline=None)
settings.load_profile("workload")
