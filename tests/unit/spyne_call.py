"""A program that does a SOAP 1.1 and a SOAP 1.2 call with Spyne, in process; run by `test_spyne_shim.py`.

`--as-later` first takes away what Python 3.12 and 3.13 no longer have; `--no-shim` does without the shim.
"""

import importlib
import io
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from lxml import etree

# What left the standard library in 3.12 and 3.13 and was ever used by a web framework. Not `cgi`: where
# Python lacks it, the dependency legacy-cgi provides it.
_GONE = frozenset(["asynchat", "asyncore", "cgitb", "crypt", "distutils", "imp", "lib2to3", "pipes", "smtpd"])
_ENVELOPES = {
    "Soap11": "http://schemas.xmlsoap.org/soap/envelope/",
    "Soap12": "http://www.w3.org/2003/05/soap-envelope",
}


class _NotThere(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in _GONE:
            raise ModuleNotFoundError(f"No module named {fullname!r} in later Pythons", name=fullname)
        return None


def be_a_later_python() -> None:
    """Python 3.11's own way of serving importers without find_spec is what 3.12 took out."""
    sys.meta_path.insert(0, _NotThere())
    bootstrap: Any = importlib.import_module("_frozen_importlib")
    if hasattr(bootstrap, "_find_spec_legacy"):
        bootstrap._find_spec_legacy = lambda _finder, _name, _path: None


def call(version: str) -> str:
    """Send `Add { left 40, right 2 }` in the named version of SOAP; returns what came back in `AddResult`."""
    from spyne import Application, Integer, ServiceBase, rpc
    from spyne.protocol import soap
    from spyne.server.wsgi import WsgiApplication

    class Adder(ServiceBase):
        @rpc(Integer, Integer, _returns=Integer)
        def Add(_ctx: Any, left: int, right: int) -> int:
            return left + right

    protocol = getattr(soap, version)
    application = Application(
        [Adder], "urn:t", version, in_protocol=protocol(validator="lxml"), out_protocol=protocol()
    )
    namespace = _ENVELOPES[version]
    body = (
        f'<e:Envelope xmlns:e="{namespace}" xmlns:t="urn:t"><e:Body>'
        "<t:Add><t:left>40</t:left><t:right>2</t:right></t:Add></e:Body></e:Envelope>"
    ).encode()
    statuses: list[str] = []
    answer = b"".join(
        WsgiApplication(application)(
            {
                "REQUEST_METHOD": "POST",
                "PATH_INFO": "/",
                "QUERY_STRING": "",
                "SERVER_NAME": "localhost",
                "SERVER_PORT": "80",
                "CONTENT_TYPE": "text/xml; charset=utf-8",
                "CONTENT_LENGTH": str(len(body)),
                "wsgi.input": io.BytesIO(body),
                "wsgi.url_scheme": "http",
            },
            lambda status, _headers, _error=None: statuses.append(status),
        )
    )
    assert statuses == ["200 OK"], (statuses, answer)
    envelope = etree.fromstring(answer)
    assert envelope.tag == f"{{{namespace}}}Envelope"
    return str(envelope.findtext(".//{urn:t}AddResult"))


def main(options: Sequence[str]) -> None:
    if "--as-later" in options:
        be_a_later_python()
    if "--no-shim" not in options:
        from wsrf_activity.types import spyne_shim

        spyne_shim.install()
        spyne_shim.install()
    print(*(call(version) for version in _ENVELOPES))


if __name__ == "__main__":
    main(sys.argv[1:])
