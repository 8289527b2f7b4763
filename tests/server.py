"""A real server process for tests, and a SOAP client over plain HTTP that checks every message against the schemas."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from lxml import etree

from tests.wire_validation import check_envelope
from wsrf_activity.model import ns

TIMEOUT = 60.0  #: seconds after which something hangs

NAMES = {prefix: uri for prefix, uri in ns.PREFIXES.items() if prefix not in ("soap", "soap12")}
_DECLARED = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMES.items())
_TYPES = {ns.S11: "text/xml; charset=utf-8", ns.S12: "application/soap+xml; charset=utf-8"}


@dataclass
class Server:
    """A server on a data folder of its own. It can be killed and started again on the same folder and port."""

    data: Path
    database: str | None = None
    config: str = ""
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    module: str = "wsrf_activity"  #: what is run, in the way of the command line
    version: str = ns.S11  #: of SOAP, for a client that has no wish of its own
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> "Server":
        """Start it and return when it answers."""
        self._await_answers(self.launch())
        return self

    def launch(self) -> "subprocess.Popen[bytes]":
        """Start it and return at once."""
        self.data.mkdir(parents=True, exist_ok=True)
        (self.data / "config.toml").write_text(self.config)
        (self.data / "server.json").unlink(missing_ok=True)
        command = [sys.executable, "-m", self.module, "serve", "--data", str(self.data), "--port", "0"]
        command += ["--database", self.database] if self.database else []
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *self.arguments],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self.process

    def kill(self) -> None:
        """End it as a power cut does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(TIMEOUT)

    def stop(self) -> int:
        """End it in order and return its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(TIMEOUT)

    @property
    def log(self) -> Path:
        """What it wrote to its terminal."""
        return self.data.with_name(self.data.name + ".log")

    @property
    def base(self) -> str:
        """Its base URL."""
        return str(json.loads((self.data / "server.json").read_text())["base_url"])

    @property
    def token(self) -> str:
        """The token of its data folder."""
        return (self.data / "token").read_text().strip()

    def client(self, version: str = ns.S11, token: str | None = None) -> "Wire":
        """Return a client with the folder's token, or with another one; the empty one sends none."""
        return Wire(self.base, self.token if token is None else token, version)

    def _await_answers(self, process: "subprocess.Popen[bytes]") -> None:
        until = time.monotonic() + TIMEOUT
        while not (self.data / "server.json").exists():
            assert process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.02)


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Start a server, and see that it and all of its work is gone at the end."""
    try:
        yield server.start()
    finally:
        if server.process is not None and server.process.poll() is None:
            with server.client() as client:
                client.end_all()
            server.process.kill()
            server.process.wait(TIMEOUT)


class Fault(Exception):
    """A SOAP fault, taken apart the same way for both versions."""

    def __init__(self, status: int, envelope: etree._Element) -> None:
        body = envelope[-1]
        fault = body[0]
        self.status = status
        self.envelope = envelope
        text = "".join(str(part) for part in fault.itertext())
        super().__init__(text)
        is_12 = etree.QName(fault).namespace == ns.S12
        value = fault.find(f"{{{ns.S12}}}Code/{{{ns.S12}}}Value") if is_12 else fault.find("faultcode")
        assert value is not None
        code = (value.text or "").strip().rpartition(":")[2]
        #: Sender or Receiver, whatever the version calls it
        self.code = {"Client": "Sender", "Server": "Receiver"}.get(code, code)
        self.subcodes = [(node.text or "").rpartition(":")[2] for node in fault.iter(f"{{{ns.S12}}}Value")][1:]
        detail = fault.find(f"{{{ns.S12}}}Detail") if is_12 else fault.find("detail")
        self.detail: etree._Element | None = None if detail is None or not len(detail) else detail[0]
        self.name = "" if self.detail is None else etree.QName(self.detail).localname
        self.description = "" if self.detail is None else self.detail.findtext(f"{{{ns.BF}}}Description") or ""
        action = envelope.find(f"{{*}}Header/{{{ns.WSA}}}Action")
        self.action = None if action is None else action.text


class Wire:
    """Speaks SOAP by hand. Every request that is meant to be valid, and every reply, is checked against the schemas."""

    def __init__(self, base: str, token: str, version: str = ns.S11) -> None:
        self.base = base
        self.version = version
        headers = {"authorization": f"Bearer {token}"} if token else {}
        limits = httpx.Limits(max_connections=None)
        self.http = httpx.Client(headers=headers, timeout=TIMEOUT, trust_env=False, limits=limits)

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *error: object) -> None:
        self.http.close()

    def address(self, activity_id: str | None) -> str:
        """Return where an activity, or the service, is."""
        return f"{self.base}/activity/{activity_id}" if activity_id else f"{self.base}/activity"

    def envelope(self, body: str, headers: str = "") -> bytes:
        """Return a message with these children; the usual prefixes are declared."""
        header = f"<s:Header>{headers}</s:Header>" if headers else ""
        text = f'<s:Envelope xmlns:s="{self.version}" {_DECLARED}>{header}<s:Body>{body}</s:Body></s:Envelope>'
        return text.encode()

    def call(
        self,
        body: str,
        activity_id: str | None = None,
        *,
        headers: str = "",
        valid: bool = True,
        url: str | None = None,
    ) -> etree._Element:
        """Send a valid message and return the child of the reply's Body; raises Fault."""
        sent = self.envelope(body, headers)
        if valid:
            assert check_envelope(sent) == []
        return self.post(sent, url or self.address(activity_id))[-1][0]

    def post(self, data: bytes, url: str | None = None, **headers: str) -> etree._Element:
        """POST anything and return the reply's Envelope, which is checked; raises Fault."""
        content_type = headers.pop("content_type", _TYPES[self.version])
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.http.post(
            url or self.address(None), content=data, headers={"content-type": content_type, **named}
        )
        return self.read(response)

    def read(self, response: httpx.Response) -> etree._Element:
        """Check a reply and return its Envelope; raises Fault."""
        complaints = check_envelope(response.content)
        assert complaints == [], (complaints, response.text)
        envelope = etree.fromstring(response.content)
        if etree.QName(envelope[-1][0]).localname == "Fault":
            raise Fault(response.status_code, envelope)
        assert response.status_code == 200, response.text
        return envelope

    def create(self, command: str, rest: str = "", *, headers: str = "") -> str:
        """Start a command line, with further elements after it, and return the activity's id."""
        escaped = command.replace("&", "&amp;").replace("<", "&lt;")
        return self.start(f"<act:Command>{escaped}</act:Command>{rest}", headers=headers)

    def start(self, content: str, *, headers: str = "") -> str:
        """Start what the children of CreateActivity say and return the activity's id."""
        reply = self.call(f"<act:CreateActivity>{content}</act:CreateActivity>", headers=headers)
        found = reply.findtext(f".//{{{ns.REF}}}Activity")
        assert found
        return found

    def wait(self, activity_id: str, content: str = "") -> etree._Element:
        """Wait for the end, or for what the children of Wait say; waits again at the server's own cap."""
        until = time.monotonic() + TIMEOUT
        while True:
            reply = self.call(f"<act:Wait>{content}</act:Wait>", activity_id)
            if reply.findtext(f"{{{ns.ACT}}}TimedOut") == "false" or "Timeout" in content:
                return reply
            assert time.monotonic() < until, etree.tostring(reply)

    def ended(self, activity_id: str) -> str:
        """Wait for the end and return the phase."""
        return self.wait(activity_id).findtext(f"{{{ns.ACT}}}Phase") or ""

    def document(self, activity_id: str) -> etree._Element:
        """Return the property document."""
        return self.call("<wsrfrp:GetResourcePropertyDocument/>", activity_id)[0]

    def property(self, activity_id: str, name: str) -> str | None:
        """Return the text of the first property of ours with that name."""
        return self.document(activity_id).findtext(f"{{{ns.ACT}}}{name}")

    def errors(self, activity_id: str) -> list[tuple[str, str, str]]:
        """Return severity, code and description of each entry of the error list."""
        names = (f"{{{ns.ACT}}}Severity", f"{{{ns.BF}}}ErrorCode", f"{{{ns.BF}}}Description")
        listed = self.document(activity_id).iterfind(f"{{{ns.ACT}}}Error")
        return [(e.findtext(names[0]) or "", e.findtext(names[1]) or "", e.findtext(names[2]) or "") for e in listed]

    def result(self, activity_id: str, name: str = "result") -> bytes:
        """Return the bytes of a result."""
        response = self.http.get(f"{self.address(activity_id)}/result/{name}")
        assert response.status_code == 200, response.text
        return response.content

    def destroy(self, activity_id: str) -> None:
        """Destroy an activity."""
        self.call("<wsrfrl:Destroy/>", activity_id)

    def end_all(self) -> None:
        """Destroy what has not ended, so that no work outlives a test."""
        phases = "".join(f"<act:Phase>{phase}</act:Phase>" for phase in ("Pending", "Queued", "Executing"))
        reply = self.call(f"<act:ListActivities>{phases}<act:Limit>1000</act:Limit></act:ListActivities>")
        for entry in reply.iterfind(f"{{{ns.ACT}}}Entry"):
            activity_id = entry.findtext(f"{{{ns.ACT}}}ActivityId")
            assert activity_id
            try:
                self.destroy(activity_id)
            except Fault as fault:
                if fault.name != "ResourceUnknownFault":
                    raise
