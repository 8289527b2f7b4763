"""Settings, and the wiring of all of it into a process that serves."""

from wsrf_activity.server.run import Started, serve, without_password
from wsrf_activity.server.settings import Settings
from wsrf_activity.server.tables import SettingsError

__all__ = ["Settings", "SettingsError", "Started", "serve", "without_password"]
