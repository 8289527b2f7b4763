"""The four operations of WS-ResourceProperties 1.2 that read, over whatever has properties."""

from collections.abc import Mapping
from functools import cache
from typing import Protocol

from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.model.errors import InvalidPropertyName, TooLarge
from wsrf_activity.soap import query
from wsrf_activity.soap.markup import resolve_qname

_MOST_PROPERTIES = 100  #: names in one GetMultipleResourceProperties: a name is short, a value may be long


class Shown(Protocol):
    """A resource as it is shown at one moment."""

    def document(self) -> etree._Element:
        """Return the whole resource property document."""

    def values(self, name: str) -> list[etree._Element] | None:
        """Return the elements of one property by its clark name; None: there is no such."""


def response(namespace: str, name: str) -> etree._Element:
    """Return a response to be filled."""
    return etree.Element(f"{{{namespace}}}{name}", nsmap=_declared(namespace))


@cache
def _declared(namespace: str) -> Mapping[str, str]:
    return {prefix: uri for prefix, uri in ns.PREFIXES.items() if uri == namespace}


def read_document(shown: Shown) -> etree._Element:
    """Answer GetResourcePropertyDocument."""
    answer = response(ns.RP, "GetResourcePropertyDocumentResponse")
    answer.append(shown.document())
    return answer


def read_one(shown: Shown, body: etree._Element) -> etree._Element:
    """Answer GetResourceProperty. Raises InvalidPropertyName."""
    answer = response(ns.RP, "GetResourcePropertyResponse")
    answer.extend(_values(shown, body))
    return answer


def read_several(shown: Shown, body: etree._Element) -> etree._Element:
    """Answer GetMultipleResourceProperties. Raises InvalidPropertyName, TooLarge."""
    answer = response(ns.RP, "GetMultipleResourcePropertiesResponse")
    if len(body) > _MOST_PROPERTIES:
        raise TooLarge(f"at most {_MOST_PROPERTIES} properties can be asked for at a time")
    for name in body:
        answer.extend(_values(shown, name))
    return answer


def read_query(shown: Shown, body: etree._Element) -> etree._Element:
    """Answer QueryResourceProperties. Raises UnknownQueryDialect, InvalidQuery, QueryFailed."""
    answer = response(ns.RP, "QueryResourcePropertiesResponse")
    answer.extend(query.evaluate(body[0], shown.document()))
    return answer


def _values(shown: Shown, asked: etree._Element) -> list[etree._Element]:
    """Return the values of the property whose QName an element holds (section 5.2)."""
    text = (asked.text or "").strip()
    try:
        values = shown.values(resolve_qname(text, asked))
    except ValueError as error:
        raise InvalidPropertyName(f"{text}: {error}") from None
    if values is None:
        raise InvalidPropertyName(f"there is no resource property {text}; GetResourcePropertyDocument shows all")
    return values
