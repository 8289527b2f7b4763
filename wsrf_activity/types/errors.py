"""What can be wrong with a hint, which its author is told at once, and with a value, which comes later."""


class Unsuitable(TypeError):
    """A hint that has no type in XML Schema; the text is one sentence for the author."""


class Unfit(ValueError):
    """A value that is not what the hint says, or cannot be written as XML."""
