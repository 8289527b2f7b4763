"""What a value is: Python hints as Spyne types, XML Schema and elements. Spyne is mended before it is imported."""

from wsrf_activity.types import spyne_shim

spyne_shim.install()
