"""The doors for people at a shell. It imports nothing, so that acjob and acpoll start in a blink."""
