"""Long-running activities behind a standard SOAP interface. Nothing lives at this level: see the rooms."""
