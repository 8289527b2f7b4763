"""A message for each operation of the port types, by what it is sent to: what `million` asks."""

from collections.abc import Mapping

from benchmarks.messages import ABORT, CREATE, ENVELOPE, GET, WAIT

_WSN = "http://docs.oasis-open.org/wsn/b-2"
_WSRL = "http://docs.oasis-open.org/wsrf/rl-2"
_MEX = "http://schemas.xmlsoap.org/ws/2004/09/mex"
_XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
_CONCRETE = "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Concrete"
RARE = "rare"  #: the service, group and run of one activity
COMMON = "common"  #: the group and run of all others


def _wsn(element: str, content: str = "") -> str:
    return ENVELOPE.format(f'<b:{element} xmlns:b="{_WSN}">{content}</b:{element}>')


def _rp(element: str, content: str = "") -> str:
    return ENVELOPE.format(f"<rp:{element}>{content}</rp:{element}>")


def _list(*conditions: str) -> str:
    return ENVELOPE.format(f"<act:ListActivities>{''.join(conditions)}</act:ListActivities>")


def creating(service: str, name: str) -> str:
    """Return the message that creates an activity in the group and run ``name``."""
    more = f"<act:Name>{name}</act:Name><act:Group>{name}</act:Group><act:RunId>{name}</act:RunId>"
    return ENVELOPE.format(f"<act:CreateActivity><act:Service>{service}</act:Service>{more}</act:CreateActivity>")


_OTHER_NAME = "<act:Name>{number}</act:Name>"
_SUBSCRIBE = _wsn(
    "Subscribe",
    '<b:ConsumerReference><a:Address xmlns:a="http://www.w3.org/2005/08/addressing">http://127.0.0.1:9/</a:Address>'
    "</b:ConsumerReference><b:InitialTerminationTime>{}</b:InitialTerminationTime>",
)
SUBSCRIBE_LONG = _SUBSCRIBE.format("P1D")
_SUBSCRIBE_SHORT = _SUBSCRIBE.format("PT1S")
CREATE_PULL_POINT = _wsn("CreatePullPoint")
_DESTROY = ENVELOPE.format(f'<rl:Destroy xmlns:rl="{_WSRL}"/>')
_OTHER_TIME = (
    f'<rl:SetTerminationTime xmlns:rl="{_WSRL}"><rl:RequestedLifetimeDuration>P1D</rl:RequestedLifetimeDuration>'
    "</rl:SetTerminationTime>"
)
_CURRENT = f'<b:Topic Dialect="{_CONCRETE}">act:StatusChanged/Completed</b:Topic>'
_QUERY = f'<rp:QueryExpression Dialect="{_XPATH}">/*/act:ExitCode</rp:QueryExpression>'

#: What an activity is asked that has ended.
READS: Mapping[str, str] = {
    "GetResourceProperty": GET,
    "GetMultipleResourceProperties": _rp(
        "GetMultipleResourceProperties",
        "<rp:ResourceProperty>act:Phase</rp:ResourceProperty><rp:ResourceProperty>act:Result</rp:ResourceProperty>",
    ),
    "GetResourcePropertyDocument": _rp("GetResourcePropertyDocument"),
    "QueryResourceProperties": _rp("QueryResourceProperties", _QUERY),
    "GetCurrentMessage": _wsn("GetCurrentMessage", _CURRENT),
    "GetMetadata": ENVELOPE.format(f'<m:GetMetadata xmlns:m="{_MEX}"/>'),
    "Wait": WAIT,
}
#: What changes it.
CHANGES: Mapping[str, str] = {
    "SetResourceProperties": _rp("SetResourceProperties", f"<rp:Update>{_OTHER_NAME}</rp:Update>"),
    "UpdateResourceProperties": _rp("UpdateResourceProperties", f"<rp:Update>{_OTHER_NAME}</rp:Update>"),
    "SetTerminationTime": ENVELOPE.format(_OTHER_TIME),
    "Subscribe": _SUBSCRIBE_SHORT,
}
#: What changes all that can be changed, given a document that was read.
PUT: Mapping[str, str] = {"PutResourcePropertyDocument": _rp("PutResourcePropertyDocument", "{document}")}
#: What a new activity is asked, which is queued.
FOLLOWED: Mapping[str, str] = {
    "InsertResourceProperties": _rp("InsertResourceProperties", "<rp:Insert><act:Group>other</act:Group></rp:Insert>"),
    "DeleteResourceProperties": _rp("DeleteResourceProperties", '<rp:Delete ResourceProperty="act:Name"/>'),
    "Abort": ABORT,
    "Destroy": _DESTROY,
}
#: What a subscription is asked, and a pull point.
SUBSCRIPTION: Mapping[str, str] = {
    "Renew": _wsn("Renew", "<b:TerminationTime>P1D</b:TerminationTime>"),
    "PauseSubscription": _wsn("PauseSubscription"),
    "ResumeSubscription": _wsn("ResumeSubscription"),
}
PULL_POINT: Mapping[str, str] = {"GetMessages": _wsn("GetMessages", "<act:Timeout>PT0S</act:Timeout>")}
#: What makes something, and what that is asked then; in the second, None, it is the making that counts.
CREATE_ANY = CREATE.format("nothing")
MADE: Mapping[str, tuple[str, str, str | None]] = {
    "CreateActivity": ("/activity", CREATE_ANY, None),
    **{name: ("/activity", creating("nothing", COMMON), body) for name, body in FOLLOWED.items()},
    "Unsubscribe": ("/activity", _SUBSCRIBE_SHORT, _wsn("Unsubscribe")),
    "CreatePullPoint": ("/pullpoint", CREATE_PULL_POINT, None),
    "DestroyPullPoint": ("/pullpoint", CREATE_PULL_POINT, _wsn("DestroyPullPoint")),
}

_LIMIT = "<act:Limit>100</act:Limit>"
_COMPLETED, _FAILED = (f"<act:Phase>{phase}</act:Phase>" for phase in ("Completed", "Failed"))
_GROUP, _RUN, _SERVICE = (f"<act:{name}>{{}}</act:{name}>".format for name in ("Group", "RunId", "Service"))
#: Pages, of what nearly all are and of what one is.
LISTS: Mapping[str, str] = {
    "ListActivities": _list(_LIMIT),
    "ListActivities by phase": _list(_COMPLETED, _LIMIT),
    "ListActivities by phases, of none": _list(_FAILED, "<act:Phase>Aborted</act:Phase>", _LIMIT),
    "ListActivities by group": _list(_GROUP(COMMON), _LIMIT),
    "ListActivities by run": _list(_RUN(COMMON), _LIMIT),
    "ListActivities by service": _list(_SERVICE("nothing"), _LIMIT),
    "ListActivities by run and service, of one": _list(_RUN(RARE), _SERVICE(RARE), _LIMIT),
    "ListActivities by phase and service, of one": _list(_COMPLETED, _SERVICE(RARE), _LIMIT),
    "ListActivities since a time": _list("<act:CreatedAfter>{since}</act:CreatedAfter>", _LIMIT),
    "ListActivities from a cursor": _list(_LIMIT, "<act:Cursor>{since}/m</act:Cursor>"),
}
