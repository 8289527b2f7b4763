"""XPath 1.0 expressions that callers send: compiled once, and only where they cannot take long or fail for a reason
that stands in their text.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.model.xpath_cost import Facts, Misused, estimate, prefixes_of

MAX_LENGTH: Final = 2000  #: characters of an expression
MAX_COST: Final = 300_000_000  #: nanoseconds that an expression may take at the worst, as far as that can be told
_NO_PREFIXES: Final[Mapping[str, str]] = MappingProxyType({"xml": ns.XML})  #: declared without being so


class NotAccepted(ValueError):
    """An expression that is not evaluated; the text says why. Callers know which fault that is."""


class NeverEvaluates(NotAccepted):
    """An expression of the language that fails wherever it is evaluated, such as ``count('text')``."""


def compiled(
    text: str, prefixes: Mapping[str, str], facts: Facts, most: int = MAX_COST, *, truth: bool = False
) -> etree.XPath:
    """Return an expression to be evaluated on documents no larger than ``facts``.

    Where the default namespace is among the prefixes it has no effect: in XPath 1.0 a name without prefix is in no
    namespace (section 2.3). ``most`` nanoseconds are affordable. With ``truth`` it gives what XPath's
    boolean() makes of the value. Raises NotAccepted, and its NeverEvaluates.
    """
    if not text.strip():
        raise NotAccepted("the expression is empty")
    if len(text) > MAX_LENGTH:
        raise NotAccepted(f"an expression may have at most {MAX_LENGTH} characters")
    known = {prefix: uri for prefix, uri in prefixes.items() if prefix and uri}
    try:
        made = etree.XPath(f"boolean({text})" if truth else text, namespaces=known, regexp=False, smart_strings=False)
        cost = estimate(text, facts)
        unknown = prefixes_of(text) - known.keys() - _NO_PREFIXES.keys()
    except Misused as error:
        raise NeverEvaluates(f"the expression cannot be evaluated: {error}") from None
    except (etree.XPathError, ValueError) as error:
        raise NotAccepted(f"not an XPath 1.0 expression: {error}") from None
    if unknown:
        raise NotAccepted(f"prefix {min(unknown)!r} is not declared; declare it on the element or around it")
    if cost > most:
        raise NotAccepted("the expression could take too long: nest fewer predicates, or ask for less at a time")
    return made
