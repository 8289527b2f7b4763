"""For service authors: functions whose calls are activities. Nothing here knows the server."""

from wsrf_activity.author.declare import Declaration, DeclarationError, activity
from wsrf_activity.author.job import Cancelled, Job
from wsrf_activity.author.service import Service
from wsrf_activity.author.spawning import Child, Output
from wsrf_activity.types.facets import Facets

__all__ = [
    "Cancelled",
    "Child",
    "Declaration",
    "DeclarationError",
    "Facets",
    "Job",
    "Output",
    "Service",
    "activity",
]
