"""Looks for what is wrong in a data folder and its database, and mends what can be mended. It serves nobody."""

from wsrf_activity.doctor.examination import Examined, examine, repair
from wsrf_activity.doctor.findings import Finding, Kind

__all__ = ["Examined", "Finding", "Kind", "examine", "repair"]
