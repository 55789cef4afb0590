"""Settings of all tests."""

from hypothesis import settings

# No test judges speed: compiling a kernel on its first call is no failure.
settings.register_profile("swerve", deadline=None)
settings.load_profile("swerve")
