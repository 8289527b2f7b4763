"""Whether a whole message is valid: its parts against our schemas and, where OFFICIAL_SCHEMAS names the folder of the
standards' own files, the envelope against those. What every test calls on what it sends and receives.
"""

import importlib.util
import io
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.soap import contract

_DETAILS = ("detail", f"{{{ns.S12}}}Detail")


def check_envelope(data: bytes) -> list[str]:
    """Say what is wrong with a SOAP 1.1 or 1.2 message; nothing is an empty list."""
    envelope = etree.fromstring(data, etree.XMLParser(no_network=True, load_dtd=False, resolve_entities=False))
    complaints = [f"envelope: {complaint}" for complaint in _shape(envelope)]
    for part in _parts(envelope):
        complaints += [f"ours: {complaint}" for complaint in contract.violations(part)]
    if os.environ.get("OFFICIAL_SCHEMAS"):
        complaints += [f"official: {complaint}" for complaint in official_complaints(data)]
    return complaints


def official_complaints(data: bytes) -> list[str]:
    """Say what the standards' own schemas have against an envelope, or against an element alone."""
    official = _official(Path(os.environ["OFFICIAL_SCHEMAS"]))
    found: list[str] = official.module.check(io.BytesIO(data), official.schema, official.declared)
    return found


def officially_valid(element: etree._Element) -> bool:
    """Say whether the standards' own schemas accept an element, with the prefixes that are in scope where it stands."""
    official = _official(Path(os.environ["OFFICIAL_SCHEMAS"]))
    alone = etree.fromstring(etree.tostring(element, with_tail=False))
    return bool(official.schema.validate(official.module.normalise(etree.ElementTree(alone))))


@dataclass(frozen=True)
class _Official:
    module: Any
    schema: etree.XMLSchema
    declared: Any


@cache
def _official(folder: Path) -> _Official:
    """Load the validator that lies beside the standards' files, and with it those files: once per process."""
    spec = importlib.util.spec_from_file_location("official_schemas", folder / "validate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves closing its files to the interpreter
        spec.loader.exec_module(module)
        return _Official(module, module.load(), module.declared())


def _shape(envelope: etree._Element) -> Iterator[str]:
    soap = etree.QName(envelope).namespace
    if envelope.tag not in (f"{{{ns.S11}}}Envelope", f"{{{ns.S12}}}Envelope"):
        yield f"{envelope.tag} is no SOAP envelope"
        return
    children = [child.tag for child in envelope.iterchildren("*")]
    if children not in ([f"{{{soap}}}Body"], [f"{{{soap}}}Header", f"{{{soap}}}Body"]):
        yield f"it holds {children} in place of one Header at most and one Body"
    elif len([*envelope[-1].iterchildren("*")]) > 1:
        yield "document/literal has one element in the Body at most"


def _parts(envelope: etree._Element) -> Iterator[etree._Element]:
    soap = etree.QName(envelope).namespace
    for holder in envelope.iterchildren(f"{{{soap}}}Header", f"{{{soap}}}Body"):
        for part in holder.iterchildren("*"):
            if part.tag != f"{{{soap}}}Fault":
                yield part
                continue
            for detail in part.iterchildren(*_DETAILS):
                yield from detail.iterchildren("*")
