"""Settings, and the wiring of all of it into a process that serves."""

from wsrf_activity.model.tables import SettingsError
from wsrf_activity.server.run import Started, serve, without_password
from wsrf_activity.server.settings import Settings

__all__ = ["Settings", "SettingsError", "Started", "serve", "without_password"]
