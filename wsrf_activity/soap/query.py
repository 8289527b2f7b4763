"""QueryResourceProperties: XPath 1.0 over the property document, with the request's prefixes and at a bounded cost.

libxml2 cannot be interrupted in the middle of an expression, so one that could take long is refused unevaluated.
"""

import copy
import math
import re
from collections.abc import Mapping

from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.model.errors import InvalidQuery, QueryFailed, UnknownQueryDialect
from wsrf_activity.soap.markup import names_in_scope
from wsrf_activity.soap.properties import element

MAX_LENGTH = 2000  #: characters of an expression
MAX_VISITS = 5_000_000  #: nodes that an expression may have to look at, in the worst case
MAX_RESULTS = 10_000  #: nodes in an answer

_CHILDREN = 4  #: what a path along children is taken to visit
_TOKEN = re.compile(r"\[|\]|//|(?:descendant|ancestor|following|preceding)[a-z-]*\s*::")
_LITERAL = re.compile(r"\"[^\"]*\"|'[^']*'")
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
    nodes = 1 + sum(2 + len(node.attrib) for node in document.iter())
    if cost(text, nodes) > MAX_VISITS:
        raise InvalidQuery("the query could take too long: nest fewer predicates, or ask for less at a time")
    try:
        return etree.XPath(text, namespaces=dict(prefixes), regexp=False, smart_strings=False)
    except (etree.XPathError, ValueError) as error:
        raise InvalidQuery(f"not an XPath 1.0 expression: {error}") from None


def cost(text: str, nodes: int) -> int:
    """Return how many nodes an expression may have to visit in a document of ``nodes`` nodes, at the worst.

    A predicate is evaluated for each node that it is put to. One that looks along a wide axis visits up to all nodes
    each time, two such paths at one level may be paired with each other; any other looks at children only.
    """
    visits = nodes
    for wide in _wide_paths(_LITERAL.sub("''", text)):
        visits *= nodes ** min(wide, 2) if wide else _CHILDREN
    return visits


def _wide_paths(text: str) -> list[int]:
    """Count the paths along wide axes at each depth of predicates, the expression itself left out where it has one."""
    counts = [0]
    depth = 0
    for token in _TOKEN.findall(text):
        if token == "[":
            depth += 1
            counts += [0] * (depth + 1 - len(counts))
        elif token == "]":
            depth = max(0, depth - 1)
        else:
            counts[depth] += 1
    return [max(0, counts[0] - 1), *counts[1:]]


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
