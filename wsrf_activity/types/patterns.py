"""Python's regular expressions as those of XML Schema, where both mean the same; the rest is left to Python."""

import re

_CLASS = r"\[\^?(?:[^\[\]\\^&-]|\\[dD.\\+*?(){}|\[\]^$/-])(?:[^\[\]\\&-]|-(?!-)|\\[dD.\\+*?(){}|\[\]^$/-])*\]"
_TOKEN = re.compile(
    r"(?P<group>\(\?:)|(?P<same>[()|]|\\[dD.\\+*?(){}|\[\]^]|" + _CLASS + r"|[^\\\[\](){}*+?^$|])"
    r"|(?P<dollar>\\\$)|(?P<slash>\\[-/_@#%&=:;,!\"'<>~ ])|(?P<often>(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})(?![*+?{]))"
)


def as_xml_schema(pattern: str) -> str | None:
    """Return the pattern that XML Schema has for what Python matches whole, or None where it may mean another thing.

    Anchors within, looking ahead and being content with little have no counterpart; ``\\w`` has another meaning.
    """
    text = (
        pattern.removeprefix("^").removesuffix("$") if "|" not in pattern and not pattern.endswith("\\$") else pattern
    )
    parts: list[str] = []
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None or (token.group("same") == "(" and text.startswith("(?", at)):
            return None
        kind, found = str(token.lastgroup), token.group()
        parts.append({"group": "(", "dollar": "$", "slash": found[1:]}.get(kind, found))
        at = token.end()
    return "".join(parts)
