"""Where strict tables were read before they moved to the model, for what still looks for them here."""

from wsrf_activity.model.tables import SettingsError, Table, flag, size, span, text, whole

__all__ = ["SettingsError", "Table", "flag", "size", "span", "text", "whole"]
