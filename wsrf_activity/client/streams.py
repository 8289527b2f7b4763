"""Results as streams of constant memory, taken up again where the line broke, and checked at their end."""

import hashlib
import re
from collections.abc import Mapping
from typing import Protocol

from wsrf_activity.client.errors import ActivityFault, CorruptResult, NoSuchResult, Unreachable
from wsrf_activity.client.faults import of_status
from wsrf_activity.client.patience import Patience
from wsrf_activity.client.ports import Body
from wsrf_activity.client.values import Described, State

_DIGEST = re.compile(r'"([0-9a-f]{64})"')  #: the entity tag of what does not change any more
_TOTAL = re.compile(r"bytes [0-9]+-[0-9]+/([0-9]+)")


class Origin(Protocol):
    """The activity whose result is read."""

    async def begin(self, name: str, follow: bool, position: int) -> Body:
        """Ask for a result from a position on. Raises Unreachable."""

    async def state(self) -> State:
        """Say how the activity stands. Raises ResourceUnknown."""

    async def described(self, name: str) -> Described | None:
        """Say what a result is, once it is one."""


class ResultStream:
    """The bytes of one result. ``follow`` goes on until the activity has ended, as the work writes."""

    def __init__(self, origin: Origin, patience: Patience, name: str, follow: bool) -> None:
        self._origin = origin
        self._patience = patience
        self._follow = follow
        self._body: Body | None = None
        self._skip = 0
        self._sha256 = hashlib.sha256()
        self._digest: str | None = None
        self._total: int | None = None
        self._short_at = -1
        self._ended = False
        self.name = name
        self.position = 0  #: how many bytes were read

    async def block(self) -> bytes:
        """Return some bytes, none at the end.

        Raises Unreachable where the server does not come back, CorruptResult at the end where the bytes are not those
        that were described, NoSuchResult, ResourceUnknown.
        """
        while not self._ended:
            try:
                if self._body is None:
                    self._body = await self._begin()
                    self._patience.answered()
                data = b"" if self._body is None else await self._body.block()
            except Unreachable as problem:
                await self.close()
                await self._patience.lost(problem)
                continue
            if fresh := self._fresh(data):
                return fresh
            if not data:
                await self.close()
                self._ended = await self._whole()
        return b""

    async def close(self) -> None:
        """Read no more; a later `block` would go on."""
        body, self._body = self._body, None
        if body is not None:
            await body.close()

    def _fresh(self, data: bytes) -> bytes:
        """Return what of the data was not read before the line broke."""
        fresh = data[self._skip :]
        self._skip -= len(data) - len(fresh)
        self._sha256.update(fresh)
        self.position += len(fresh)
        return fresh

    async def _begin(self) -> Body | None:
        """Return the answer from where we are on, None where nothing comes after it."""
        body = await self._origin.begin(self.name, self._follow, self.position)
        if body.status in (200, 206):
            self._skip = self.position if body.status == 200 else 0
            self._describe(body.headers, body.status)
            return body
        refused = await self._refusal(body)
        if refused is not None:
            raise refused
        return None

    async def _refusal(self, body: Body) -> Exception | None:
        text = b""
        try:
            while body.status != 416 and len(text) < 1 << 16 and (data := await body.block()):
                text += data
        finally:
            await body.close()
        if body.status == 416:
            return None
        line = text.decode("utf-8", "replace").strip()
        if body.status == 404:
            await self._origin.state()  # says so itself where the activity is unknown
            return NoSuchResult(line or f"there is no result {self.name!r}")
        return of_status(body.status, line) or Unreachable(f"the server answers HTTP {body.status}: {line}")

    def _describe(self, headers: Mapping[str, str], status: int) -> None:
        tag = _DIGEST.fullmatch(headers.get("etag", ""))
        if tag is None:
            return
        if self._digest not in (None, tag.group(1)):
            raise CorruptResult(f"result {self.name} was another one before the line broke: read it anew")
        self._digest = tag.group(1)
        total = _TOTAL.fullmatch(headers.get("content-range", "")) if status == 206 else None
        size = total.group(1) if total else headers.get("content-length") if status == 200 else None
        self._total = self._total if size is None else int(size)

    async def _whole(self) -> bool:
        """Whether this is the end of it, which is then checked. What is followed ends when the activity has."""
        if self._digest is None and self._follow:
            try:
                if not (await self._origin.state()).ended:
                    await self._patience.idle()
                    return False
                described = await self._origin.described(self.name)
            except ActivityFault as gone:
                raise CorruptResult(f"{self.name} broke off: {gone}") from gone
            if described is None:
                return True
            self._digest, self._total = described.sha256, described.size
        if self._total is not None and self._short_at != self.position < self._total:
            self._short_at = self.position  # there is more: unless that is where it ends a second time
            return False
        self._check()
        return True

    def _check(self) -> None:
        if self._total is not None and self.position != self._total:
            raise CorruptResult(f"{self.name}: {self.position} bytes came of {self._total}; was the work run again?")
        if self._digest is not None and self._sha256.hexdigest() != self._digest:
            raise CorruptResult(f"{self.name}: its SHA-256 is not {self._digest}; read it anew")
