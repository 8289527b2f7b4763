"""A workflow of several steps: each is an activity of its own, and begins when those that it needs have completed.

The steps are named by the functions themselves. What one leaves is given to another as ``output()``: the value is not
there yet when the workflow is laid out, and is filled in when the step begins.
"""

from wsrf_activity.author import Job, activity


@activity
def clean(job: Job, text: str) -> str:
    """Keep the letters of the four bases."""
    kept = "".join(letter for letter in text.upper() if letter in "ACGT")
    if len(kept) < len(text):
        job.warn(f"{len(text) - len(kept)} characters left out")
    return kept


@activity
def share(job: Job, bases: str) -> float:
    """Say which share of the bases is G or C."""
    return round(sum(bases.count(base) for base in "GC") / len(bases), 3)


@activity
def longest(job: Job, bases: str) -> str:
    """Find the longest run of one base."""
    runs = [bases[start:end] for start in range(len(bases)) for end in range(start + 1, len(bases) + 1)]
    return max((run for run in runs if len(set(run)) == 1), key=len)


@activity
def report(job: Job, share: float, longest: str) -> str:
    """Put both findings into a line."""
    return f"GC {share:.1%}, longest run {longest}\n"


@activity
def analyse(job: Job, text: str) -> None:
    """Clean a sequence, look at it in two ways at a time, and report."""
    cleaned = job.spawn(clean, name="clean", text=text)
    gc = job.spawn(share, name="share", bases=cleaned.output())
    run = job.spawn(longest, name="longest", bases=cleaned.output())
    job.spawn(report, name="report", share=gc.output(), longest=run.output())
