"""Where the work runs: one protocol, and an engine for each kind of place."""
