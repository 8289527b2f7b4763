"""What a subscription wants to be told: topics, and XPath 1.0 over messages and over the properties of the activity.

A filter is read and refused at Subscribe, and kept as text with the prefixes that it uses. Only reading the element
wsnt:Filter is about the wire here; who is asked for what, and when, is known elsewhere.
"""

import copy
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Final

from lxml import etree

from wsrf_activity.model import ns, topics, xpath
from wsrf_activity.model.errors import (
    InvalidFilter,
    InvalidMessageContentExpression,
    InvalidProducerPropertiesExpression,
    InvalidTopicExpression,
    Refused,
    TopicNotSupported,
    UnknownTopicDialect,
)
from wsrf_activity.model.subscriptions import Expression, Kind
from wsrf_activity.model.topics import Topic, TopicExpression, TopicSpace
from wsrf_activity.model.xpath_cost import Facts, estimate, prefixes_of

MAX_FILTERS: Final = 20  #: elements in one wsnt:Filter

_log: Final = logging.getLogger(__name__)


class Document:
    """What filters are asked about: one element as a document of its own, measured once however many ask."""

    def __init__(self, element: etree._Element) -> None:
        """Take the element out of whatever it stands in, so that ``/`` and ``..`` lead nowhere else."""
        self.element: Final = element if element.getparent() is None else copy.deepcopy(element)

    @cached_property
    def facts(self) -> Facts:
        """How large it is."""
        return Facts.of(self.element)


@dataclass(frozen=True)
class _Expression:
    """XPath that a document must satisfy, by XPath's boolean(); equal to another of its kind by what is written."""

    text: str
    prefixes: Mapping[str, str] = field(hash=False)  #: of those in scope at Subscribe, the ones that it uses
    _query: etree.XPath = field(init=False, repr=False, compare=False)

    #: It is accepted if it takes at most ``most`` nanoseconds on a document as large as this.
    largest: ClassVar[Facts]
    most: ClassVar[int]
    sample: ClassVar[str]  #: a document such as it will be asked about
    problem: ClassVar[type[Refused]]

    def __post_init__(self) -> None:
        """Compile it, and evaluate it once. Raises the problem of its kind."""
        try:
            query = xpath.compiled(self.text, self.prefixes, self.largest, self.most, truth=True)
            query(etree.fromstring(self.sample))
        except (xpath.NotAccepted, etree.XPathError) as error:
            raise self.problem(str(error)) from None
        used = prefixes_of(self.text)
        object.__setattr__(self, "prefixes", {name: uri for name, uri in self.prefixes.items() if name in used})
        object.__setattr__(self, "_query", query)

    def holds(self, document: Document | etree._Element) -> bool:
        """Return whether a document satisfies it; the root element is the context node.

        True also where that cannot be told, because the document is so large that it could take too long: who is
        told too much can drop it, who is told too little cannot know.
        """
        if not isinstance(document, Document):
            document = Document(document)
        if not document.facts.within(self.largest) and estimate(self.text, document.facts) > self.most:
            self._warn_once("the document is too large for it")
            return True
        try:
            return bool(self._query(document.element))
        except etree.XPathError as error:
            self._warn_once(str(error))
            return True

    def _warn_once(self, why: str) -> None:
        if "_warned" not in self.__dict__:
            object.__setattr__(self, "_warned", True)
            _log.warning("filter %r cannot be told, and lets through what it is asked about: %s", self.text, why)


@dataclass(frozen=True)
class MessageContent(_Expression):
    """A filter on the payload of a message (WS-BaseNotification 1.3, section 4.2)."""

    largest = Facts(nodes=500, depth=20, width=200, attributes=10, characters=20_000)
    most = 100_000_000
    sample = f'<StatusChange xmlns="{ns.ACT}"><Phase>Completed</Phase><Version>3</Version></StatusChange>'
    problem = InvalidMessageContentExpression


@dataclass(frozen=True)
class ProducerProperties(_Expression):
    """A filter on the property document of the activity, as it is with the event (section 4.2)."""

    largest = Facts(nodes=3_000, depth=20, width=1_200, attributes=10, characters=100_000)
    most = xpath.MAX_COST
    sample = f'<ActivityProperties xmlns="{ns.ACT}"><Phase>Completed</Phase><Version>3</Version></ActivityProperties>'
    problem = InvalidProducerPropertiesExpression


@dataclass(frozen=True)
class Filter:
    """All that one subscription asks for; an empty one asks for everything.

    Every expression must hold, also where there are several of one kind (WS-BaseNotification 1.3, section 4.2: the
    filter elements of a Subscribe are a conjunction). Alternatives are joined by ``|`` within a topic expression, and
    by ``or`` within XPath.
    """

    topics: tuple[TopicExpression, ...] = ()
    content: tuple[MessageContent, ...] = ()
    properties: tuple[ProducerProperties, ...] = ()

    @classmethod
    def of(cls, expressions: Iterable[Expression], space: TopicSpace, *, stored: bool = False) -> "Filter":
        """Return the filter that these make. One that is ``stored`` may have topics that are not published any more.

        Raises UnknownTopicDialect, InvalidTopicExpression, TopicNotSupported, InvalidMessageContentExpression,
        InvalidProducerPropertiesExpression.
        """
        by_kind: defaultdict[Kind, list[Expression]] = defaultdict(list)
        for expression in expressions:
            by_kind[expression.kind].append(expression)
        chosen = cls(
            tuple(topics.parse(e.dialect, e.text, e.prefixes, space, stored=stored) for e in by_kind[Kind.TOPIC]),
            tuple(MessageContent(e.text, e.prefixes) for e in by_kind[Kind.MESSAGE_CONTENT]),
            tuple(ProducerProperties(e.text, e.prefixes) for e in by_kind[Kind.PRODUCER_PROPERTIES]),
        )
        if chosen.matching is not None and not chosen.matching and not stored:
            raise TopicNotSupported(
                "no topic matches all topic expressions; for one or the other join them by | in the Full dialect"
            )
        return chosen

    @cached_property
    def matching(self) -> frozenset[Topic] | None:
        """The topics that may pass; None: all."""
        sets = [expression.matching() for expression in self.topics]
        return frozenset.intersection(*sets) if sets else None

    def wants(self, topic: Topic) -> bool:
        """Return whether the topic passes; the rest of the filter is then still to be asked."""
        return self.matching is None or topic in self.matching

    def passes(self, topic: Topic, message: Callable[[], Document], properties: Callable[[], Document]) -> bool:
        """Return whether an event passes. The documents are made only where there is a filter on them."""
        return (
            self.wants(topic)
            and (not self.content or _all_hold(self.content, message()))
            and (not self.properties or _all_hold(self.properties, properties()))
        )


def read(element: etree._Element | None) -> tuple[Expression, ...]:
    """Return the expressions of a wsnt:Filter, or of a Subscribe without one, as they are to be kept.

    Raises InvalidFilter, UnknownTopicDialect, InvalidTopicExpression, InvalidMessageContentExpression,
    InvalidProducerPropertiesExpression.
    """
    parts = [] if element is None else list(element.iterchildren("*"))
    if len(parts) > MAX_FILTERS:
        raise InvalidFilter(f"a filter may have at most {MAX_FILTERS} elements", parts[MAX_FILTERS].tag)
    return tuple(map(_read, parts))


_KINDS: Final = {f"{{{ns.WSNT}}}{kind}": kind for kind in Kind}
_PROBLEMS: Final[dict[Kind, type[Refused]]] = {
    Kind.TOPIC: InvalidTopicExpression,
    Kind.MESSAGE_CONTENT: InvalidMessageContentExpression,
    Kind.PRODUCER_PROPERTIES: InvalidProducerPropertiesExpression,
}


def _read(part: etree._Element) -> Expression:
    kind = _KINDS.get(part.tag)
    if kind is None:
        raise InvalidFilter(f"filter {part.tag} is not offered; accepted are wsnt's {', '.join(Kind)}", part.tag)
    dialect = (part.get("Dialect") or "").strip()
    if kind is Kind.TOPIC and not dialect:
        raise UnknownTopicDialect(f"a topic expression needs a Dialect; accepted: {', '.join(topics.DIALECTS)}")
    if kind is not Kind.TOPIC and dialect != ns.XPATH10:
        said = part.get("Dialect")
        raise InvalidFilter(f"filter dialect {said!r} is not offered; accepted: {ns.XPATH10}", part.tag)
    if len(part):
        raise _PROBLEMS[kind]("an expression is text, without elements")
    prefixes = {prefix or "": uri for prefix, uri in part.nsmap.items()}
    return Expression(kind, dialect, (part.text or "").strip(), prefixes)


def _all_hold(expressions: Iterable[_Expression], document: Document) -> bool:
    return all(expression.holds(document) for expression in expressions)
