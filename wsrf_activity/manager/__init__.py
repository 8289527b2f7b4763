"""What may be done: every use case, and the only way in for all faces."""

from wsrf_activity.manager.activities import Manager
from wsrf_activity.manager.content import Content
from wsrf_activity.manager.inputs import ResultInput, UploadInput
from wsrf_activity.manager.requests import Limits, Rules, StartRequest
from wsrf_activity.manager.subscribing import Publishing, Subscriptions
from wsrf_activity.manager.waiting import CHANGE, Condition

__all__ = [
    "CHANGE",
    "Condition",
    "Content",
    "Limits",
    "Manager",
    "Publishing",
    "ResultInput",
    "Rules",
    "StartRequest",
    "Subscriptions",
    "UploadInput",
]
