"""What an activity is, and every name of the wire. Values only, no I/O."""
