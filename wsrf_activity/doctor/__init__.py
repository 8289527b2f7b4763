"""Looks for what is wrong in a data folder and its database, and mends what can be mended. It serves nobody."""

from wsrf_activity.doctor.examination import examine, repair
from wsrf_activity.doctor.findings import Finding, Kind
from wsrf_activity.doctor.look import Examined, Place

__all__ = ["Examined", "Finding", "Kind", "Place", "examine", "repair"]
