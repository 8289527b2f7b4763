"""How it speaks SOAP. Nothing of it is known above or below; Spyne is mended before any part of it is imported."""

from wsrf_activity.types import spyne_shim

spyne_shim.install()
