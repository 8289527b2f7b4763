"""What is published, as a tree of topics, and the expressions that select from it (WS-Topics 1.3).

An expression is worked out once, when it comes in: the tree is small and fixed, so that matching an event is one
look into a set.
"""

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from lxml import etree

from wsrf_activity.model import ns, xpath
from wsrf_activity.model.errors import InvalidTopicExpression, TopicNotSupported, UnknownTopicDialect
from wsrf_activity.model.phases import Phase
from wsrf_activity.model.xpath_cost import Facts, prefixes_of

#: A concrete topic path: the clark name of the root, then the children's names. A child has no namespace, or a clark
#: name where it was added from another one than the root's.
Topic = tuple[str, ...]

MAX_LENGTH: Final = 2000  #: characters of an expression
MAX_ALTERNATIVES: Final = 30
MAX_STEPS: Final = 10  #: of one alternative

#: The topics of activities, in order.
PUBLISHED: Final[tuple[Topic, ...]] = (
    *((f"{{{ns.ACT}}}StatusChanged", phase.value) for phase in Phase),
    *((f"{{{ns.ACT}}}{name}",) for name in ("ProgressReported", "ErrorReported", "ResultAdded", "Terminated")),
)

#: Properties without a topic of their own: they change all the time, with everything else, or never.
UNPUBLISHED: Final = frozenset({f"{{{ns.RL}}}CurrentTime", f"{{{ns.ACT}}}Version", f"{{{ns.WSTOP}}}TopicSet"})

#: Every dialect that is offered.
DIALECTS: Final = (ns.TOPIC_SIMPLE, ns.TOPIC_CONCRETE, ns.TOPIC_FULL, ns.XPATH10, *ns.TOPIC_CONCRETE_SETS)

_NAME: Final = r"[^\W\d][\w.\-\u00b7]*"
_ROOT: Final = re.compile(rf"(?:(?P<prefix>{_NAME}):)?(?P<slash>//)?(?P<name>{_NAME}|\*)")
_CHILD: Final = re.compile(rf"(?P<slash>//?)(?:(?P<prefix>{_NAME}):(?=[^*.]))?(?P<name>{_NAME}|\*|\.)")
_PREFIX: Final = re.compile(rf"({_NAME}):")


@dataclass(frozen=True)
class TopicSpace:
    """All topics that are published; every parent of one is a topic too."""

    topics: tuple[Topic, ...]

    @classmethod
    def of(cls, properties: Iterable[str]) -> "TopicSpace":
        """Return the topics of activities, and one root for each resource property, given by its clark name."""
        roots = ((name,) for name in properties if name not in UNPUBLISHED)
        return cls.with_parents((*PUBLISHED, *roots))

    @classmethod
    def with_parents(cls, topics: Iterable[Topic]) -> "TopicSpace":
        """Return the space of these topics and of all above them."""
        found = dict.fromkeys(topic[:length] for topic in topics for length in range(1, len(topic) + 1))
        return cls(tuple(found))

    def including(self, selected: Iterable[Topic]) -> frozenset[Topic]:
        """Return the selected topics with all that is below them."""
        chosen = frozenset(selected)
        return frozenset(t for t in self.topics if any(t[:length] in chosen for length in range(1, len(t) + 1)))

    @cached_property
    def elements(self) -> dict[etree._Element, Topic]:
        """The elements of the topic set document, which XPath finds, and their topics."""
        spaces = {_split(topic[0])[0] for topic in self.topics}
        known = {prefix: uri for prefix, uri in ns.PREFIXES.items() if uri in spaces}
        root = etree.Element(f"{{{ns.WSTOP}}}TopicSet", nsmap={"wstop": ns.WSTOP, **known})
        made: dict[Topic, etree._Element] = {(): root}
        for topic in self.topics:
            made[topic] = etree.SubElement(made[topic[:-1]], topic[-1], {f"{{{ns.WSTOP}}}topic": "true"})
        return {element: topic for topic, element in made.items()}

    @cached_property
    def document(self) -> etree._Element:
        """The topic set document; not to be changed."""
        return next(iter(self.elements))

    @cached_property
    def facts(self) -> Facts:
        """How large that document is."""
        return Facts.of(self.document)

    def __str__(self) -> str:
        """Name the root topics as they would be written with the usual prefixes."""
        return ", ".join(format_topic(topic) for topic in self.topics if len(topic) == 1)


def topic_set(space: TopicSpace) -> etree._Element:
    """Return wstop:TopicSet with all topics (WS-Topics 1.3, section 6)."""
    return copy.deepcopy(space.document)


def of_event(path: str) -> Topic:
    """Return the topic of an event of the log, which names it without our namespace: ``StatusChanged/Completed``."""
    root, *children = path.split("/")
    return (f"{{{ns.ACT}}}{root}", *children)


def format_topic(topic: Topic, prefixes: Mapping[str, str] = ns.PREFIXES) -> str:
    """Return the concrete path as text. Raises ValueError where no prefix stands for a namespace in it."""
    known = {uri: prefix for prefix, uri in prefixes.items() if prefix}
    written = []
    for name in topic:
        uri, local = _split(name)
        if uri and uri not in known:
            raise ValueError(f"no prefix for namespace {uri}")
        written.append(f"{known[uri]}:{local}" if uri else local)
    return "/".join(written)


def parse_topic(text: str, prefixes: Mapping[str, str]) -> Topic:
    """Return a topic from its concrete path, published or not. A child may repeat the prefix of its root.

    Raises InvalidTopicExpression.
    """
    [path] = _paths(ns.TOPIC_CONCRETE, text.strip(), prefixes)
    root, *children = path.steps
    space = root.namespace or ""
    outside = (f"{{{step.namespace}}}" if step.namespace not in (None, space) else "" for step in children)
    return (_clark(space, root.name), *(f"{uri}{step.name}" for uri, step in zip(outside, children, strict=True)))


@dataclass(frozen=True)
class TopicExpression:
    """An expression and what it selects; equal to another by what is written. Made by ``parse``."""

    dialect: str
    text: str
    prefixes: Mapping[str, str] = field(hash=False)  #: those that it uses; "" is the default namespace
    _selected: tuple[Topic, ...] = field(compare=False, repr=False)
    _matching: frozenset[Topic] = field(compare=False, repr=False)

    def matches(self, topic: Topic) -> bool:
        """Return whether what is published there is wanted: a topic is wanted with all that is below it."""
        return topic in self._matching

    def topics(self) -> tuple[Topic, ...]:
        """Return the topics that it selects, without those that only come along below them."""
        return self._selected

    def matching(self) -> frozenset[Topic]:
        """Return all topics that match."""
        return self._matching


def parse(
    dialect: str, text: str, prefixes: Mapping[str, str], space: TopicSpace, *, stored: bool = False
) -> TopicExpression:
    """Return an expression as it selects from a space; ``prefixes`` are those in scope, "" for the default namespace.

    A root topic without prefix is in the default namespace, or ours where that publishes no such topic. ``stored``
    is for one that has been accepted before: if its topics are no longer published, it selects none.
    Raises UnknownTopicDialect, InvalidTopicExpression, TopicNotSupported.
    """
    dialect, text = dialect.strip(), text.strip()
    if dialect not in DIALECTS:
        raise UnknownTopicDialect(f"topic dialect {dialect!r} is not offered; accepted: {', '.join(DIALECTS)}")
    if len(text) > MAX_LENGTH:
        raise InvalidTopicExpression(f"a topic expression may have at most {MAX_LENGTH} characters")
    if dialect == ns.XPATH10:
        selected, used = _by_xpath(text, prefixes, space)
    else:
        paths = _paths(dialect, text, prefixes, space)
        selected = tuple(topic for topic in space.topics if any(path.selects(topic) for path in paths))
        used = {"", *_PREFIX.findall(text)}
    if not selected and not stored:
        raise TopicNotSupported(f"{text!r} selects no topic that is published here. Root topics: {space}")
    kept = {prefix: uri for prefix, uri in prefixes.items() if prefix in used}
    return TopicExpression(dialect, text, kept, selected, space.including(selected))


def _by_xpath(text: str, prefixes: Mapping[str, str], space: TopicSpace) -> tuple[tuple[Topic, ...], set[str]]:
    """Evaluate on the topic set document, whose root element is the context node."""
    try:
        found = xpath.compiled(text, prefixes, space.facts)(space.document)
    except (xpath.NotAccepted, etree.XPathError) as error:
        raise InvalidTopicExpression(str(error)) from None
    if not isinstance(found, list):
        raise InvalidTopicExpression("the XPath gives no nodes; it must select topics in wstop:TopicSet")
    chosen = {space.elements.get(node) for node in found if isinstance(node, etree._Element)}
    return tuple(topic for topic in space.topics if topic in chosen), set(prefixes_of(text))


@dataclass(frozen=True, slots=True)
class _Step:
    deep: bool  #: may be any number of levels further down
    namespace: str | None  #: None: the one that the root has
    name: str  #: or ``*``, or ``.`` for no step at all


@dataclass(frozen=True, slots=True)
class _Path:
    """One alternative. All dialects but XPath are forms of the Full one."""

    within: str | None  #: the namespace of the root, "" for none; None: any
    steps: tuple[_Step, ...]

    def selects(self, topic: Topic) -> bool:
        """Follow the steps to all places in the topic where they may have led."""
        space = _split(topic[0])[0]
        if self.within not in (None, space):
            return False
        names = [(_split(name)[0] or space, _split(name)[1]) for name in topic]
        places = {0}
        for step in self.steps:
            if step.deep:
                places = set(range(min(places), len(names) + 1))
            if step.name != ".":
                wanted = (space if step.namespace is None else step.namespace, step.name)
                places = {at + 1 for at in places if at < len(names) and (step.name == "*" or names[at] == wanted)}
            if not places:
                return False
        return len(names) in places


def _paths(dialect: str, text: str, prefixes: Mapping[str, str], space: TopicSpace | None = None) -> tuple[_Path, ...]:
    """Read the alternatives, as far as the dialect allows them."""
    alternatives = text.split("|")
    if len(alternatives) > MAX_ALTERNATIVES:
        raise InvalidTopicExpression(f"a topic expression may have at most {MAX_ALTERNATIVES} alternatives")
    paths = tuple(_path(each.strip(), prefixes, space) for each in alternatives)
    one = len(paths) == 1
    fits = {
        ns.TOPIC_SIMPLE: one and len(paths[0].steps) == 1 and _is_concrete(paths[0].steps),
        ns.TOPIC_CONCRETE: one and _is_concrete(paths[0].steps),
        ns.TOPIC_FULL: True,
    }.get(dialect, all(_is_concrete(path.steps, subtree=True) for path in paths))
    if not fits:
        raise InvalidTopicExpression(f"{text!r} is not in its dialect; accepted is {_GRAMMAR.get(dialect, _SET)}")
    return paths


_GRAMMAR: Final = {
    ns.TOPIC_SIMPLE: "the name of a root topic such as act:StatusChanged",
    ns.TOPIC_CONCRETE: "a path of names such as act:StatusChanged/Completed",
}
_SET: Final = "paths of names joined by |, each with //. at its end where all below it is meant"


def _is_concrete(steps: tuple[_Step, ...], subtree: bool = False) -> bool:
    if subtree and len(steps) > 1 and steps[-1] == _Step(True, None, "."):
        steps = steps[:-1]
    return all(not step.deep and step.name not in ("*", ".") for step in steps)


def _path(text: str, prefixes: Mapping[str, str], space: TopicSpace | None) -> _Path:
    """Read one alternative: ``prefix:root/child``, with ``*`` for any name and ``//`` for any depth."""
    read = _ROOT.match(text)
    if read is None:
        raise _unreadable(text)
    deep, name = read["slash"] is not None, read["name"]
    within = _namespace(read["prefix"], prefixes)
    if within is None and not deep and name != "*":
        within = _home(name, prefixes.get("", ""), space)
    steps = [_Step(deep, within, name), *_children(text, read.end(), prefixes)]
    if len(steps) > MAX_STEPS:
        raise InvalidTopicExpression(f"a topic path may have at most {MAX_STEPS} steps")
    return _Path(within, tuple(steps))


def _children(text: str, at: int, prefixes: Mapping[str, str]) -> Iterator[_Step]:
    while at < len(text):
        read = _CHILD.match(text, at)
        if read is None:
            raise _unreadable(text)
        yield _Step(read["slash"] == "//", _namespace(read["prefix"], prefixes), read["name"])
        at = read.end()


def _home(name: str, default: str, space: TopicSpace | None) -> str:
    """Return the namespace of a root without prefix: toolkits lose declarations that only text makes use of."""
    published = space.topics if space is not None else PUBLISHED
    known = {topic[0] for topic in published}
    return ns.ACT if _clark(default, name) not in known and _clark(ns.ACT, name) in known else default


def _namespace(prefix: str | None, prefixes: Mapping[str, str]) -> str | None:
    if prefix is None:
        return None
    if not prefixes.get(prefix):
        raise InvalidTopicExpression(
            f"prefix {prefix!r} is not declared; declare it on the element of the expression or around it"
        )
    return prefixes[prefix]


def _unreadable(text: str) -> InvalidTopicExpression:
    return InvalidTopicExpression(
        f"{text!r} is not a topic path; accepted are names joined by / or //, as act:StatusChanged/Completed"
    )


def _clark(uri: str, local: str) -> str:
    return f"{{{uri}}}{local}" if uri else local


def _split(name: str) -> tuple[str, str]:
    """Return namespace, or "", and local name."""
    uri, _, local = name.rpartition("}")
    return uri[1:], local
