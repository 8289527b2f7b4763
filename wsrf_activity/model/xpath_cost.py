"""How long an XPath 1.0 expression may take in libxml2, at the worst, told from the expression and a few counts.

libxml2 cannot be interrupted, and merges node sets by comparing each node with each. So every part of an expression
is given two costs: ``once``, for the most expensive context node, and ``each``, for all nodes of the document one
after another, which for a path downwards is far less than ``once`` as many times.
"""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

from lxml import etree

MAX_NESTING = 30  #: of parentheses and brackets

# Nanoseconds, rounded up from what a slow machine takes.
_STEP, _COMPARE, _CHARACTER, _CALL = 60, 15, 3, 150
_NAMESPACES = 20  #: that may be in scope of a node

_TOKEN = re.compile(
    r"""\s*(?:(?P<literal>"[^"]*"|'[^']*')|(?P<number>\d+(?:\.\d*)?|\.\d+)|(?P<mark>\.\.|//|::|!=|<=|>=|[][()@,|+=<>/.$*-])
    |(?P<name>[^\W\d][\w.-]*(?::(?!:)(?:[^\W\d][\w.-]*|\*))?))""",
    re.VERBOSE,
)
_LEVELS = (("or",), ("and",), ("=", "!="), ("<", "<=", ">", ">="), ("+", "-"), ("*", "div", "mod"))
_TESTS = frozenset({"node", "text", "comment", "processing-instruction"})
_DOWN = frozenset({"child", "attribute", "self", "namespace"})  #: axes whose nodes cannot be reached twice


class NotUnderstood(ValueError):
    """An expression that is not XPath 1.0, or is nested too deeply to be looked at."""


class Misused(NotUnderstood):
    """An expression with something else where a node set must be, or a position without a predicate.

    libxml2 notices when it evaluates that part, which it may do for some documents only.
    """


@dataclass(frozen=True, slots=True)
class Facts:
    """The counts of a document that bound what an expression can visit."""

    nodes: int  #: elements, attributes and texts
    depth: int
    width: int  #: children that one element has at most
    attributes: int  #: that one element has at most
    characters: int

    @classmethod
    def of(cls, document: etree._Element) -> "Facts":
        """Count."""
        nodes = depth = width = attributes = characters = level = 0
        for event, element in etree.iterwalk(document, events=("start", "end")):
            level += 1 if event == "start" else -1
            if event == "start":
                depth = max(depth, level)
                width = max(width, 2 * len(element) + 1)
                attributes = max(attributes, len(element.attrib))
                nodes += 2 + len(element.attrib)
                characters += sum(map(len, (element.text or "", element.tail or "", *element.attrib.values())))
        return cls(nodes + 1, depth + 2, width, attributes, characters + 1)

    def within(self, other: "Facts") -> bool:
        """Return whether a document is no larger than another in any way."""
        return (
            self.nodes <= other.nodes
            and self.depth <= other.depth
            and self.width <= other.width
            and self.attributes <= other.attributes
            and self.characters <= other.characters
        )

    @property
    def text(self) -> int:
        """Characters of the string values of all nodes together: a text is in the value of each of its ancestors."""
        return self.depth * self.characters


@dataclass(frozen=True, slots=True)
class _Value:
    """A bound on what an expression gives, and on what it takes to get it."""

    once: int = _CALL
    each: int = 0
    size: int = 0  #: nodes, for one context node; 0: it is no node set
    times: int = 0  #: how many context nodes one and the same node is found from
    length: int = 0  #: characters of its string value
    lengths: int = 0  #: and of those for all context nodes together


def estimate(text: str, facts: Facts) -> int:
    """Return a bound on the nanoseconds that an expression takes. Raises NotUnderstood."""
    return _Reader(text, facts).read()


class _Reader:
    """Recursive descent over the grammar of XPath 1.0, section 3, that reckons as it reads."""

    def __init__(self, text: str, facts: Facts) -> None:
        self._tokens = _tokens(text)
        self._facts = facts
        self._at = 0
        self._predicates_open = 0

    def read(self) -> int:
        value = self._expression(0)
        if self._at < len(self._tokens):
            raise NotUnderstood(f"unexpected {self._tokens[self._at]!r}")
        return value.once + value.length * _CHARACTER

    def _peek(self, ahead: int = 0) -> str:
        place = self._at + ahead
        return self._tokens[place] if place < len(self._tokens) else ""

    def _take(self, wanted: str | None = None) -> str:
        token = self._peek()
        if not token or (wanted is not None and token != wanted):
            raise NotUnderstood(f"expected {wanted or 'more'}, found {token or 'the end'}")
        self._at += 1
        return token

    def _expression(self, level: int) -> _Value:
        if level == len(_LEVELS):
            return self._unary()
        value = self._expression(level + 1)
        while self._peek() in _LEVELS[level]:
            self._take()
            value = self._compared(value, self._expression(level + 1))
        return value

    def _unary(self) -> _Value:
        while self._peek() == "-":
            self._take()
        value = self._path()
        while self._peek() == "|":
            self._take()
            value = self._united(value, self._path())
        return value

    def _compared(self, left: _Value, right: _Value) -> _Value:
        """Two node sets are compared pair by pair, after the string value of each node has been made."""
        pairs = left.size * right.size * _COMPARE * 16
        once = pairs + _CALL + sum(v.once + self._characters(v) * _CHARACTER for v in (left, right))
        each = (pairs + _CALL) * self._facts.nodes
        each += sum(v.each + self._all_characters(v) * _CHARACTER for v in (left, right))
        return _Value(once, each, length=30, lengths=30 * self._facts.nodes)

    def _characters(self, value: _Value) -> int:
        return min(value.size * self._facts.characters, self._facts.text) if value.size else value.length

    def _all_characters(self, value: _Value) -> int:
        if not value.size:
            return value.lengths
        return min(self._facts.nodes * self._characters(value), value.times * self._facts.text)

    def _united(self, left: _Value, right: _Value) -> _Value:
        _need_nodes("|", left, right)
        size = min(left.size + right.size, self._facts.nodes)
        merging = left.size * right.size * _COMPARE + size * _STEP
        once, each = left.once + right.once + merging, left.each + right.each + merging * self._facts.nodes
        return self._nodes(once, each, size, left.times + right.times)

    def _nodes(self, once: int, each: int, size: int, times: int) -> _Value:
        facts = self._facts
        times = min(times, facts.nodes)
        return _Value(once, each, max(size, 1), times, facts.characters, min(facts.nodes, times) * facts.text)

    def _path(self) -> _Value:
        token = self._peek()
        here = self._nodes(_CALL, _CALL * self._facts.nodes, 1, 1)
        if token in ("/", "//"):
            root = self._nodes(_CALL, _CALL * self._facts.nodes, 1, self._facts.nodes)
            if token == "/" and not self._begins_step(1):
                self._take()
                return root
            return self._steps(root)
        if self._begins_step(0):
            return self._steps(self._step(here))
        value = self._primary()
        if self._peek() in ("[", "/", "//"):
            _need_nodes(self._peek(), value)
        value = self._predicates(value)
        return self._steps(value) if self._peek() in ("/", "//") else value

    def _begins_step(self, ahead: int) -> bool:
        token, after = self._peek(ahead), self._peek(ahead + 1)
        if token in (".", "..", "@", "*"):
            return True
        return bool(token) and (token[0].isalpha() or token[0] == "_") and (after != "(" or token in _TESTS)

    def _steps(self, value: _Value) -> _Value:
        while self._peek() in ("/", "//"):
            if self._take() == "//":
                value = self._along("descendant-or-self", value)
            value = self._step(value)
        return value

    def _step(self, start: _Value) -> _Value:
        axis = "child"
        if self._peek() in (".", ".."):
            return self._along("self" if self._take() == "." else "parent", start)
        if self._peek() == "@":
            self._take()
            axis = "attribute"
        elif self._peek(1) == "::":
            axis = self._take()
            self._take("::")
        if self._take() in _TESTS and self._peek() == "(":
            self._take("(")
            if self._peek() != ")":
                self._take()
            self._take(")")
        return self._along(axis, start)

    def _along(self, axis: str, start: _Value) -> _Value:
        """Take one step, with its predicates, from each node of a set."""
        facts = self._facts
        fan, reached_from = self._axis(axis)
        found = min(start.size * fan, reached_from * facts.nodes)
        times = min(start.times * reached_from, facts.nodes * start.size)
        all_found = min(facts.nodes * found, times * facts.nodes)
        work = _STEP
        if axis not in _DOWN and start.size > 1:
            work += min(found, facts.nodes) * _COMPARE  # is it among those that have been found?
        once = start.once + (start.size + found) * work
        each = start.each + (facts.nodes * start.size + all_found) * work
        while self._peek() == "[":
            predicate = self._predicate()
            once += min(found * predicate.once, min(reached_from, start.size) * predicate.each)
            each += min(all_found * predicate.once, times * predicate.each)
        return self._nodes(once, each, min(found, facts.nodes), times)

    def _axis(self, axis: str) -> tuple[int, int]:
        """How many nodes an axis leads to from one node, and from how many it leads to one."""
        facts = self._facts
        ways = {
            "self": (1, 1),
            "child": (facts.width, 1),
            "attribute": (facts.attributes, 1),
            "namespace": (_NAMESPACES, 1),
            "parent": (1, facts.width + facts.attributes),
            **dict.fromkeys(("ancestor", "ancestor-or-self"), (facts.depth, facts.nodes)),
            **dict.fromkeys(("descendant", "descendant-or-self"), (facts.nodes, facts.depth)),
            **dict.fromkeys(("following-sibling", "preceding-sibling"), (facts.width, facts.width)),
            **dict.fromkeys(("following", "preceding"), (facts.nodes, facts.nodes)),
        }
        if axis not in ways:
            raise NotUnderstood(f"there is no axis {axis}")
        return ways[axis]

    def _predicate(self) -> _Value:
        self._take("[")
        self._predicates_open += 1
        value = self._expression(0)
        self._predicates_open -= 1
        self._take("]")
        return replace(value, once=value.once + _CALL, each=value.each + _CALL * self._facts.nodes)

    def _predicates(self, value: _Value) -> _Value:
        while self._peek() == "[":
            predicate = self._predicate()
            once = min(value.size * predicate.once, predicate.each)
            each = min(self._facts.nodes * once, value.times * predicate.each)
            value = replace(value, once=value.once + once, each=value.each + each)
        return value

    def _primary(self) -> _Value:
        token = self._take()
        if token == "(":
            value = self._expression(0)
            self._take(")")
            return value
        if token == "$":
            raise NotUnderstood(f"there is no variable ${self._take()}")
        if token[0] in "\"'" or token[0].isdigit() or token[0] == ".":
            return self._text(len(token))
        if self._peek() != "(":
            raise NotUnderstood(f"unexpected {token!r}")
        return self._call(token)

    def _text(self, length: int) -> _Value:
        return _Value(_CALL, _CALL * self._facts.nodes, 0, 0, length, length * self._facts.nodes)

    def _call(self, name: str) -> _Value:
        self._take("(")
        arguments: list[_Value] = []
        while self._peek() != ")":
            if arguments:
                self._take(",")
            arguments.append(self._expression(0))
        self._take(")")
        _check_call(name, arguments)
        if name in ("last", "position") and not self._predicates_open:
            raise Misused(f"{name}() stands outside a predicate")
        if not arguments:  # string() and some others are then about the context node
            arguments.append(self._nodes(_CALL, _CALL * self._facts.nodes, 1, 1))
        return self._called(name, arguments)

    def _called(self, name: str, given: list[_Value]) -> _Value:
        once = _CALL + sum(v.once for v in given)
        each = _CALL * self._facts.nodes + sum(v.each for v in given)
        if name not in _WORDLESS:
            once += sum(map(self._characters, given)) * _CHARACTER
            each += sum(map(self._all_characters, given)) * _CHARACTER
        if name == "id":
            return self._nodes(once, each, self._facts.nodes, self._facts.nodes)
        if name in ("translate", "contains", "substring-before", "substring-after"):
            text, others = given[0], given[1:]
            once += text.length * sum(v.length for v in others) * _CHARACTER
            each += text.lengths * sum(v.length for v in others) * _CHARACTER
        length = _LENGTHS.get(name, sum)([v.length for v in given])
        lengths = _LENGTHS.get(name, sum)([v.lengths for v in given])
        return _Value(once, each, 0, 0, max(length, 30), max(lengths, 30 * self._facts.nodes))


#: How many arguments each function takes, at least and at most (XPath 1.0, section 4).
_ARGUMENTS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("last", "position", "true", "false"), (0, 0)),
    **dict.fromkeys(("local-name", "namespace-uri", "name", "string", "string-length"), (0, 1)),
    **dict.fromkeys(("normalize-space", "number"), (0, 1)),
    **dict.fromkeys(("count", "id", "boolean", "not", "lang", "sum", "floor", "ceiling", "round"), (1, 1)),
    **dict.fromkeys(("starts-with", "contains", "substring-before", "substring-after"), (2, 2)),
    "substring": (2, 3),
    "translate": (3, 3),
    "concat": (2, sys.maxsize),
}

#: Functions whose argument must be a node set.
_OF_NODES = frozenset({"count", "sum", "local-name", "namespace-uri", "name"})

#: Functions that make no string values of the nodes they are given.
_WORDLESS = frozenset({"count", "boolean", "not", "last", "position", "true", "false"})

#: Functions whose text is no longer than their first argument, or short.
_LENGTHS: dict[str, Callable[[list[int]], int]] = {
    **dict.fromkeys(
        ("string", "substring", "substring-before", "substring-after", "normalize-space", "translate"),
        lambda lengths: lengths[0],
    ),
    **dict.fromkeys(
        ("count", "last", "position", "sum", "number", "floor", "ceiling", "round", "string-length", "boolean", "not"),
        lambda lengths: 0,
    ),
    **dict.fromkeys(("true", "false", "lang", "contains", "starts-with"), lambda lengths: 0),
}


def _check_call(name: str, given: list[_Value]) -> None:
    if name not in _ARGUMENTS:
        raise NotUnderstood(f"there is no function {name}()")
    least, most = _ARGUMENTS[name]
    if not least <= len(given) <= most:
        raise NotUnderstood(f"{name}() does not take {len(given)} arguments")
    if name in _OF_NODES:
        _need_nodes(f"{name}()", *given)


def _need_nodes(where: str, *values: _Value) -> None:
    if not all(value.size for value in values):
        raise Misused(f"{where} is for node sets")


def prefixes_of(text: str) -> frozenset[str]:
    """Return the prefixes that an expression uses. Raises NotUnderstood."""
    names = (token for token in _tokens(text) if token[0] not in "\"'")
    return frozenset(name.partition(":")[0] for name in names if ":" in name.strip(":"))


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    at = nesting = 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise NotUnderstood(f"unexpected {text[at : at + 20].strip()!r}")
        at = match.end()
        token = match.group().strip()
        nesting += (token in ("(", "[")) - (token in (")", "]"))
        if nesting > MAX_NESTING:
            raise NotUnderstood(f"parentheses and brackets may be nested at most {MAX_NESTING} deep")
        tokens.append(token)
    return tokens
