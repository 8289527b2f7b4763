"""What goes with the start of an operation of a service's own, and what its answer says. Nothing is sent from here."""

import base64
from datetime import timedelta

from lxml import etree

from wsrf_activity.client.calls import Start, listed, utc
from wsrf_activity.client.references import Reference
from wsrf_activity.model import ns
from wsrf_activity.model.lifetime import Never, Requested, format_duration, stamp

_ACT = f"{{{ns.ACT}}}"


def options(said: Start, inline: bytes | None, reference: str | None, wait: float | None) -> etree._Element:
    """Return act:StartOptions; with ``wait``, of so many seconds, the answer is to be the value."""
    block = etree.Element(f"{_ACT}StartOptions", nsmap={"act": ns.ACT})
    texts = [
        ("Synchronous", "false" if wait is None else "true"),
        ("Timeout", None if wait is None else format_duration(timedelta(seconds=wait))),
        ("Input", None if inline is None else base64.b64encode(inline).decode("ascii")),
        ("InputReference", reference),
        ("Name", said.name),
        *(("Group", group) for group in listed(said.groups) or ()),
        ("RunId", said.run_id),
    ]
    for name, text in texts:
        if text is not None:
            etree.SubElement(block, f"{_ACT}{name}").text = text
    if said.expires is not None:
        block.append(_time(said.expires))
    if said.work_limit is not None:
        etree.SubElement(block, f"{_ACT}ExecutionDuration").text = format_duration(said.work_limit)
    if said.request_id is not None:
        etree.SubElement(block, f"{_ACT}RequestId").text = said.request_id
    return block


def _time(asked: Requested) -> etree._Element:
    element = etree.Element(f"{_ACT}InitialTerminationTime", nsmap={"act": ns.ACT, "xsi": ns.XSI})
    if isinstance(asked, Never):
        element.set(f"{{{ns.XSI}}}nil", "true")
    else:
        element.text = format_duration(asked) if isinstance(asked, timedelta) else stamp(utc(asked))
    return element


def created(response: etree._Element) -> Reference:
    """Read the endpoint reference in what answers the start of an activity."""
    element = response.find(f"{{{ns.WSA}}}EndpointReference")
    if element is None:
        raise ValueError("it has no endpoint reference")
    return Reference.of(element)
