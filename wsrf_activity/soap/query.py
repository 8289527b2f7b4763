"""QueryResourceProperties: XPath 1.0 over the property document, with the request's prefixes and at a bounded cost."""

import copy
import math

from lxml import etree

from wsrf_activity.model import ns, xpath
from wsrf_activity.model.errors import InvalidQuery, QueryFailed, UnknownQueryDialect
from wsrf_activity.model.xpath_cost import Facts
from wsrf_activity.soap.markup import names_in_scope
from wsrf_activity.soap.properties import element

MAX_RESULTS = 10_000  #: nodes in an answer


def evaluate(expression: etree._Element, document: etree._Element) -> list[etree._Element]:
    """Return the answer to a wsrf-rp:QueryExpression: the nodes, or one act:Value in XPath's ``string()`` form.

    Raises UnknownQueryDialect, InvalidQuery, QueryFailed.
    """
    dialect = (expression.get("Dialect") or ns.XPATH10).strip()
    if dialect != ns.XPATH10:
        raise UnknownQueryDialect(f"dialect {dialect!r} is not offered; accepted: {ns.XPATH10}")
    if len(expression):
        raise InvalidQuery("an XPath expression is text, without elements")
    try:
        query = xpath.compiled((expression.text or "").strip(), names_in_scope(expression), Facts.of(document))
        return _answer(query(document))
    except xpath.NeverEvaluates as error:
        raise QueryFailed(str(error)) from None
    except xpath.NotAccepted as error:
        raise InvalidQuery(str(error)) from None
    except etree.XPathError as error:
        raise QueryFailed(f"the query cannot be evaluated: {error}") from None


def _answer(found: object) -> list[etree._Element]:
    if isinstance(found, list):
        if len(found) > MAX_RESULTS:
            raise QueryFailed(f"the answer has more than {MAX_RESULTS} nodes; ask for less at a time")
        return [_node(item) for item in found] or [element("Value", "")]
    return [element("Value", string_form(found))]


def _node(item: object) -> etree._Element:
    """Attributes and text come as their text: an answer consists of elements."""
    if isinstance(item, etree._Element):
        return copy.deepcopy(item)
    return element("Value", item[1] if isinstance(item, tuple) else str(item))


def string_form(value: object) -> str:
    """Return a boolean, number or string as XPath's ``string()`` does (XPath 1.0, section 4.2)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == int(value):
        return str(int(value))
    return format(value, ".17f").rstrip("0") if abs(value) < 1e-4 or abs(value) >= 1e16 else repr(value)
