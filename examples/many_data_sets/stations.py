"""One workflow for many data sets: one request, one activity for each of them, and one that stands for the whole.

The data sets are rows of numbers, as weather stations send them. One that has none fails; the whole has partially
succeeded then, and the others' results are there.
"""

from statistics import fmean

from wsrf_activity.author import Job, activity


@activity
def smooth(job: Job, readings: str) -> str:
    """Replace each reading by the mean of itself and its neighbours."""
    numbers = [float(text) for text in readings.split()]
    if not numbers:
        raise ValueError("the station has sent nothing")
    means = [fmean(numbers[max(0, place - 1) : place + 2]) for place in range(len(numbers))]
    return " ".join(f"{mean:.1f}" for mean in means)


@activity
def peak(job: Job, readings: str) -> str:
    """Say which reading is the highest."""
    return f"{max(float(text) for text in readings.split()):.1f}"


@activity(each="station")
def study(job: Job, station: str) -> None:
    """Smooth what a station has sent, and find its peak. Callers give one or many of them."""
    smoothed = job.spawn(smooth, name="smooth", readings=station)
    job.spawn(peak, name="peak", readings=smoothed.output())
