"""Words of texts: a service as its author writes it."""

import os
import threading
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from wsrf_activity.author import Job, activity


@dataclass
class Word:
    text: str
    times: int


@activity
def count(job: Job, text: str) -> int:
    job.progress(10, "reading")
    job.progress("counting")
    job.progress(90)
    job.warn("words are hard")
    return len(text.split())


@activity
def table(job: Job, words: list[str], least: int = 1) -> list[Word]:
    job.result("words.txt", "\n".join(words))
    found = [Word(each, words.count(each)) for each in sorted(set(words))]
    return [each for each in found if each.times >= least]


@activity
def price(job: Job, each: Decimal, within: timedelta | None = None) -> Decimal:
    return each * 2


@activity
def file(job: Job) -> Path:
    path = job.workdir / "f.csv"
    path.write_bytes(job.input.read_bytes() if job.input else b"")
    return path


@activity
def fails(job: Job) -> None:
    raise LookupError("no such word")


@activity
def forever(job: Job) -> None:
    (job.workdir / "pid").write_text(str(os.getpid()))
    job.progress("running")
    threading.Event().wait()
