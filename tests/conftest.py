"""What every test may use."""

from hypothesis import settings

pytest_plugins = ["support_engine", "support_strict"]

# A machine that is busy makes an example slow; that is not what these tests are about.
settings.register_profile("paramedic", settings(), deadline=None)
settings.load_profile("paramedic")
