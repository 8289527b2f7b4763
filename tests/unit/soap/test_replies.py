"""Where answers go: what is refused before anything is done, how much is kept, what becomes of it at the end."""

import asyncio

import pytest
from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.model.errors import TooBusy
from wsrf_activity.notify.callbacks import Callbacks
from wsrf_activity.notify.policy import CallbackPolicy, Rules
from wsrf_activity.soap import addressing
from wsrf_activity.soap.addressing import Headers
from wsrf_activity.soap.envelope import SOAP11, SOAP12
from wsrf_activity.soap.faults import SoapProblem
from wsrf_activity.soap.replies import Replies, http_headers

HERE = "http://127.0.0.1:9/"


def headers(*, reply: str | None = None, fault: str | None = None, namespace: str = ns.WSA) -> Headers:
    content = "<w:Action>urn:a</w:Action><w:MessageID>urn:m</w:MessageID>"
    for name, address in (("ReplyTo", reply), ("FaultTo", fault)):
        content += f"<w:{name}><w:Address>{address}</w:Address></w:{name}>" if address else ""
    return addressing.read(etree.fromstring(f"<h xmlns:w='{namespace}'>{content}</h>"))


@pytest.mark.parametrize(
    ("reply", "fault", "elsewhere", "detached"),
    [
        (None, None, (False, False), False),
        (ns.WSA_NONE, None, (False, False), False),
        (HERE, None, (True, True), True),
        (HERE, HERE, (True, True), True),
        (HERE, ns.WSA_NONE, (True, False), True),
        (HERE, ns.WSA_ANONYMOUS, (True, False), False),
        (ns.WSA_NONE, HERE, (False, True), True),
        (ns.WSA_ANONYMOUS, HERE, (False, True), False),
        (None, HERE, (False, True), False),
    ],
)
async def test_the_connection_is_let_go_if_nothing_goes_there(
    reply: str | None, fault: str | None, elsewhere: tuple[bool, bool], detached: bool
) -> None:
    routes = await Replies(Callbacks(CallbackPolicy())).routes(headers(reply=reply, fault=fault))
    assert (routes.of(False) is not None, routes.of(True) is not None) == elsewhere
    assert routes.detached is detached


async def test_headers_that_are_wrong_are_answered_where_they_came_from() -> None:
    wrong = addressing.read(etree.fromstring(f"<h xmlns:w='{ns.WSA}'><w:ReplyTo><w:Address/></w:ReplyTo></h>"))
    assert (await Replies(Callbacks(CallbackPolicy())).routes(wrong)).of(True) is None


@pytest.mark.parametrize(
    ("policy", "subcodes"),
    [
        (Rules(schemes=frozenset({"http", "https"})), ["InvalidAddressingHeader", "OnlyAnonymousAddressSupported"]),
        (Rules.parse(["127.0.0.0/8"]), ["InvalidAddressingHeader", "InvalidAddress"]),
    ],
)
async def test_who_never_calls_says_so(policy: Rules, subcodes: list[str]) -> None:
    replies = Replies(Callbacks(CallbackPolicy(deny=policy)))
    with pytest.raises(SoapProblem) as caught:
        await replies.routes(headers(fault=HERE))
    fault = caught.value.fault
    assert [etree.QName(name).localname for name in fault.subcodes] == subcodes
    assert [block.text for block in fault.header_detail] == ["wsa:FaultTo"]
    with pytest.raises(SoapProblem) as caught:
        await replies.routes(headers(reply=HERE, namespace=ns.WSA04))
    assert [etree.QName(name).localname for name in caught.value.fault.subcodes] == ["InvalidMessageInformationHeader"]


async def test_only_so_much_is_under_way_and_is_given_up_at_the_end() -> None:
    replies = Replies(Callbacks(CallbackPolicy()), most=1)
    ended = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    replies.begin(work())
    await asyncio.sleep(0)
    with pytest.raises(TooBusy):
        await replies.routes(headers(reply=HERE))
    await replies.routes(headers())
    await replies.stop()
    assert ended == [True]
    assert (await replies.routes(headers(reply=HERE))).detached


def test_http_says_which_action_it_is() -> None:
    """SOAP 1.1 in a header of its own, SOAP 1.2 in the content type."""
    assert http_headers(SOAP11, "urn:a") == {"content-type": "text/xml; charset=UTF-8", "soapaction": '"urn:a"'}
    assert http_headers(SOAP12, "urn:a") == {"content-type": 'application/soap+xml; charset=UTF-8; action="urn:a"'}
