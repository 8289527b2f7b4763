"""A service as its author writes it: a module or a class with operations in it."""

from typing import ClassVar


class Service:
    """What a class of operations may derive from; it needs not, and is never instantiated.

    Its operations are functions whose first parameter is the job: there is no ``self``.
    """

    name: ClassVar[str]  #: of the service; the class's own where nothing is said
    namespace: ClassVar[str]  #: of its messages; ``urn:wsrf-activity:service:NAME`` where nothing is said
