"""The elements, valid and invalid, that schemas are judged by: ``standards.xml`` and ``ours.xml`` beside this."""

from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from lxml import etree

from wsrf_activity.model import ns

STANDARDS = "standards.xml"
OURS = "ours.xml"

_NAMESPACES = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in ns.PREFIXES.items()) + ' xmlns:x="urn:example"'


def element(text: str) -> etree._Element:
    """Parse one element that uses our prefixes, and ``x`` for a foreign namespace; it stands inside another."""
    return etree.fromstring(f"<envelope {_NAMESPACES}>{text}</envelope>")[0]


def read(name: str) -> list[tuple[bool, etree._Element]]:
    """Read a file anew: an element may be judged by one thread at a time only."""
    [valid, invalid] = etree.parse(Path(__file__).with_name(name)).getroot().iterchildren("*")
    assert (valid.tag, invalid.tag) == ("valid", "invalid")
    return [(True, child) for child in valid.iterchildren("*")] + [
        (False, child) for child in invalid.iterchildren("*")
    ]


def cases(*names: str) -> list[ParameterSet]:
    """Return what the files hold as parameters of a test, named by element and line."""
    return [
        pytest.param(valid, child, id=f"{etree.QName(child).localname}-{name}:{child.sourceline}")
        for name in names
        for valid, child in read(name)
    ]
