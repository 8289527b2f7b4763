"""The messages that servers are asked with, and one way to send them one at a time."""

from http.client import HTTPConnection

from lxml import etree

from benchmarks.processes import Server

ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:act="urn:wsrf-activity:1"'
    ' xmlns:rp="http://docs.oasis-open.org/wsrf/rp-2"><s:Body>{}</s:Body></s:Envelope>'
)
CREATE = ENVELOPE.format("<act:CreateActivity><act:Service>{}</act:Service></act:CreateActivity>")
WAIT = ENVELOPE.format("<act:Wait/>")
GET = ENVELOPE.format("<rp:GetResourceProperty>act:Phase</rp:GetResourceProperty>")
LIST = ENVELOPE.format("<act:ListActivities><act:Limit>1</act:Limit></act:ListActivities>")
ABORT = ENVELOPE.format("<act:Abort/>")


def exchange(server: Server, path: str, body: str) -> bytes:
    """Send one message and return the answer; raises RuntimeError for a fault."""
    headers = {"authorization": f"Bearer {server.token}", "content-type": "text/xml; charset=utf-8"}
    http = HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        http.request("POST", path, body, headers)
        response = http.getresponse()
        content = response.read()
    finally:
        http.close()
    if response.status != 200:
        raise RuntimeError(content.decode())
    return content


def request(server: Server, path: str, body: str) -> bytes:
    """Return a message as it goes over a socket."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {server.token}\r\n"
        f'Content-Type: text/xml; charset=utf-8\r\nSOAPAction: ""\r\nContent-Length: {len(body.encode())}\r\n\r\n'
    )
    return (head + body).encode()


def create(server: Server, service: str = "nothing") -> str:
    """Create an activity and return its id."""
    answer = etree.fromstring(exchange(server, "/activity", CREATE.format(service)))
    return str(answer.findtext(".//{urn:wsrf-activity:1:reference}Activity"))
