"""A service in four lines."""

from wsrf_activity.author import activity


@activity
def count(job, text: str) -> int:
    """Counts the words of a text."""
    return len(text.split())
