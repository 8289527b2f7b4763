"""What is asked of a server while a result is read: the bytes from a position on, and whether these were all."""

from wsrf_activity.client import calls, values
from wsrf_activity.client.errors import NoSuchResult
from wsrf_activity.client.exchange import Exchange
from wsrf_activity.client.ports import Body
from wsrf_activity.client.references import Reference
from wsrf_activity.client.values import Described, State
from wsrf_activity.model.addresses import Addresses


class Outputs:
    """The results of one activity."""

    def __init__(self, exchange: Exchange, reference: Reference) -> None:
        self._exchange = exchange
        self._reference = reference

    async def begin(self, name: str, follow: bool, position: int) -> Body:
        """Ask for a result from a position on. Raises Unreachable, NoSuchResult."""
        return await self._exchange.get(await self._address(name) + ("?follow=true" if follow else ""), position)

    async def state(self) -> State:
        """Return how the activity stands now. Raises ResourceUnknown."""
        return await self._exchange.ask(calls.wait(0.0, ("Ended",), None), self._reference, values.read_state)

    async def described(self, name: str) -> Described | None:
        """Return what is said of a result, once it is one."""
        results = await self._exchange.ask(calls.property_values("Result"), self._reference, values.read_results)
        return next((result for result in results if result.name == name), None)

    async def _address(self, name: str) -> str:
        """Return where a result is fetched: by what servers of this kind agree on, or as another one says."""
        base, found, _ = f"{self._reference.address.rstrip('/')}/".rpartition("/activity/")
        if self._reference.id is not None and found:
            return Addresses(base).result(self._reference.id, name)
        described = await self.described(name)
        if described is None:
            raise NoSuchResult(f"{self._reference.address} has no result {name!r}")
        return described.href
