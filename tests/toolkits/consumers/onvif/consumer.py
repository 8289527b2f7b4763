"""A consumer of notifications with a client for ONVIF cameras, as it is: it subscribes by ONVIF's own WSDL, which it
brings along, and knows a subscription by its address alone. Reads ADDRESS and TOKEN from the environment.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import onvif
from aiohttp import ClientSession, web
from lxml import etree

ADDRESS, TOKEN = os.environ["ADDRESS"], os.environ["TOKEN"]
ACT = "urn:wsrf-activity:1"
EVENTS = "http://www.onvif.org/ver10/events/wsdl"
CONCRETE_SET = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
WSNT = "{http://docs.oasis-open.org/wsn/b-2}"
CREATE = f"""<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns="{ACT}"><s:Body>
<CreateActivity><Command>true</Command></CreateActivity></s:Body></s:Envelope>"""


@asynccontextmanager
async def step(name: str) -> AsyncIterator[None]:
    """Say what came of a step, and go on."""
    try:
        yield
        print("ok", name)
    except Exception as error:
        print("failed", name, repr(error).replace("\n", " "))


async def listen() -> tuple[asyncio.Queue[bytes], str]:
    """Take what is POSTed to a free port, and return where it comes out and the address."""
    came: asyncio.Queue[bytes] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        await came.put(await request.read())
        return web.Response(status=202)

    application = web.Application()
    application.router.add_post("/{any}", take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return came, f"http://127.0.0.1:{runner.addresses[0][1]}/told"


def filtered() -> etree._Element:
    """Return a filter, made by hand: zeep has no place for text in elements whose content is mixed."""
    topic = etree.Element(f"{WSNT}TopicExpression", Dialect=CONCRETE_SET, nsmap={"act": ACT})
    topic.text = "act:StatusChanged//."
    return topic


async def create_activity() -> None:
    headers = {"content-type": "application/soap+xml; charset=utf-8", "authorization": f"Bearer {TOKEN}"}
    async with ClientSession() as session, session.post(ADDRESS, data=CREATE, headers=headers) as response:
        response.raise_for_status()


async def listen_to_the_end(manager: onvif.managers.NotificationManager, came: asyncio.Queue[bytes]) -> None:
    """Print what is told of the phases. Without a filter, as such clients subscribe, there is more."""
    phase = ""
    while phase != "Completed":
        for message in manager.process(await asyncio.wait_for(came.get(), 30)).NotificationMessage:
            topic, change = message.Topic, message.Message._value_1
            if not topic._value_1.startswith("act:StatusChanged"):
                continue
            phase = change.findtext(f"{{{ACT}}}Phase")
            event = topic._attr_1[f"{{{ACT}}}eventId"]
            print("told", "soap12", topic._value_1, phase, event, message.SubscriptionReference.Address._value_1)


async def main() -> None:
    # What a camera says of its services is not asked for; it would be kept here.
    camera = onvif.ONVIFCamera("127.0.0.1", 80, "any", TOKEN, encrypt=False)
    camera.xaddrs = {EVENTS: ADDRESS}
    hour = timedelta(hours=1)

    async with step("serve"):
        came, address = await listen()

    async with step("subscribe"):
        manager = await camera.create_notification_manager(address, hour, lambda: print("lost"))
        service = await camera.create_notification_service()
        made = await service.Subscribe(
            {
                "ConsumerReference": {"Address": address.replace("told", "unused")},
                "Filter": {"_value_1": [filtered()]},
                "InitialTerminationTime": "PT1M",
            }
        )
        camera.xaddrs[f"{EVENTS}/PullPointSubscription"] = made.SubscriptionReference.Address._value_1
        subscription = await camera.create_subscription_service("PullPointSubscription")

    async with step("renew"):
        by_duration = await subscription.Renew("PT1H")
        assert by_duration.TerminationTime - by_duration.CurrentTime == hour
        wanted = datetime.now(UTC).replace(microsecond=0) + 2 * hour
        by_time = await subscription.Renew(wanted.isoformat().replace("+00:00", "Z"))
        assert by_time.TerminationTime == wanted

    async with step("unsubscribe"):
        await subscription.Unsubscribe()

    async with step("soap12"):
        await create_activity()
        await listen_to_the_end(manager, came)
        await manager.stop()

    print("unable soap11")
    print("unable verify")
    await camera.close()


asyncio.run(main())
