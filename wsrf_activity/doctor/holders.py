"""What must hold of who sees work through, where servers share a database: each activity that executes has a holder
whose lease is in force, or is taken over. What is so only while a server dies or starts is no finding.
"""

from collections.abc import Iterator
from datetime import timedelta

from wsrf_activity.doctor.findings import Finding, Kind
from wsrf_activity.manager.machine import Machine
from wsrf_activity.model.servers import Registered
from wsrf_activity.store.inspection import Stored


def lives(server: Registered, machine: Machine) -> bool:
    """Whether a server may be taken to work; one that was killed on this machine is dead before its lease runs out."""
    return server.in_force and not machine.is_over(server.server)


def examine_holder(stored: Stored, machine: Machine, patience: timedelta) -> Iterator[Finding]:
    """Yield what is wrong with the holder of an activity.

    Whatever a server held is taken over ``patience`` after its lease has run out, unless no server lives: then the
    next one does so when it starts.
    """
    activity = stored.activity
    if activity is None or (activity.holder is None and not activity.at_work):
        return
    if not activity.at_work:
        found = Kind.HOLDER_LEFT, f"it is {activity.phase}, and yet held by server {activity.holder}"
    elif not any(lives(each, machine) for each in stored.servers.values()):
        return
    elif (holder := stored.holder) is None:
        who = "nobody" if activity.holder is None else f"server {activity.holder}, which is not known"
        found = Kind.HOLDER_UNKNOWN, f"it is Executing, held by {who}"
    elif holder.left <= -patience:
        found = Kind.HOLDER_GONE, f"it is Executing, held by server {holder.server.id}, whose lease ran out long ago"
    else:
        return
    kind, what = found
    yield Finding(kind, activity.id, f"activity {activity.id}: {what}", activity)
