"""How it speaks SOAP. Nothing of it is known above or below this room."""
