"""What the README of moi shows: a function that says hi, and one that tells how it stands before it does.

The third thing that is shown there, a system call, needs no service: any command line will do (see ``client.py``).
"""

from wsrf_activity.author import Job, activity


@activity
def hello(job: Job) -> str:
    """Say hi."""
    return "hi!"


@activity
def hello_aloud(job: Job, result_handler: str) -> str:
    """Say what comes next, then hi; leave a link to where a person sees the result."""
    job.progress("I'm about to say hello")
    job.result("handler", f"{result_handler}/{job.id}\n", "text/uri-list")
    return "hi!"
