"""QueryResourceProperties: XPath 1.0 over the property document, with the request's prefixes and at a bounded cost.

libxml2 cannot be interrupted in the middle of an expression, so one that could take long is refused unevaluated.
"""

import copy
import math
from collections.abc import Mapping

from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.model.errors import InvalidQuery, QueryFailed, UnknownQueryDialect
from wsrf_activity.soap.markup import names_in_scope
from wsrf_activity.soap.properties import element
from wsrf_activity.soap.xpath_cost import Facts, estimate

MAX_LENGTH = 2000  #: characters of an expression
MAX_COST = 300_000_000  #: nanoseconds that an expression may take at the worst, as far as that can be told
MAX_RESULTS = 10_000  #: nodes in an answer

_STATIC = ("Undefined namespace prefix", "Unregistered function", "Undefined variable", "Invalid number of arguments")


def evaluate(expression: etree._Element, document: etree._Element) -> list[etree._Element]:
    """Return the answer to a wsrf-rp:QueryExpression: the nodes, or one act:Value in XPath's ``string()`` form.

    Raises UnknownQueryDialect, InvalidQuery, QueryFailed.
    """
    dialect = (expression.get("Dialect") or ns.XPATH10).strip()
    if dialect != ns.XPATH10:
        raise UnknownQueryDialect(f"dialect {dialect!r} is not offered; accepted: {ns.XPATH10}")
    if len(expression):
        raise InvalidQuery("an XPath expression is text, without elements")
    query = _compiled((expression.text or "").strip(), names_in_scope(expression), document)
    try:
        found = query(document)
    except etree.XPathError as error:
        kind = InvalidQuery if any(word in str(error) for word in _STATIC) else QueryFailed
        raise kind(f"the query cannot be evaluated: {error}") from None
    return _answer(found)


def _compiled(text: str, prefixes: Mapping[str, str], document: etree._Element) -> etree.XPath:
    if not text:
        raise InvalidQuery("the query is empty")
    if len(text) > MAX_LENGTH:
        raise InvalidQuery(f"a query may have at most {MAX_LENGTH} characters")
    try:
        compiled = etree.XPath(text, namespaces=dict(prefixes), regexp=False, smart_strings=False)
        cost = estimate(text, Facts.of(document))
    except (etree.XPathError, ValueError) as error:
        raise InvalidQuery(f"not an XPath 1.0 expression: {error}") from None
    if cost > MAX_COST:
        raise InvalidQuery("the query could take too long: nest fewer predicates, or ask for less at a time")
    return compiled


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
