"""Spyne is mended before tests import it, as it is for authors by whoever imports their code."""

import wsrf_activity.types  # noqa: F401 - for what it does when it is imported
