"""Author code for tests of how functions run, and the engine's jobs that call it. No tests."""

from collections.abc import Mapping
from pathlib import Path

from wsrf_activity.author.preload import PREFIX
from wsrf_activity.engines.base import Job
from wsrf_activity.testing import fresh_job

NAMESPACE = "urn:wsrf-activity:service:probe"
MODULE = '''
import asyncio, os, random, subprocess, sys, time
from dataclasses import dataclass
from pathlib import Path
from wsrf_activity.author import activity

print("imported")

@dataclass
class Pair:
    left: int
    right: str

class Count:
    def __init__(self, number): self.number = number
    def to_json(self): return self.number
    @classmethod
    def from_json(cls, kept): return cls(int(kept))

def stand(name):
    """Say that the function is here, and wait for the test at a gate."""
    Path("here").touch()
    Path("gate").read_bytes()

@activity
def count(job, text: str) -> int:
    print("counting")
    job.progress(50, "half")
    return len(text.split())

@activity
def nothing(job) -> None:
    print("nothing")

@activity
def pair(job, right: str) -> Pair:
    return Pair(1, right)

@activity
def said(job) -> None:
    job.result("result", "said")

@activity
async def slow(job, text: str) -> str:
    await asyncio.sleep(0)
    return text.upper()

@activity
def fails(job, text: str) -> int:
    try:
        int(text)
    except ValueError as error:
        raise LookupError(f"no {text}\\n") from error

@activity
def exits(job, code: int) -> int:
    sys.exit(code)

@activity
def exits_saying(job) -> None:
    sys.exit("enough")

@activity
def lies(job) -> int:
    return "three"

@activity
def floods(job) -> None:
    sys.stdout.write("o" * 300_000)
    sys.stderr.write("e" * 300_000)

@activity
def large(job) -> Path:
    with open("large.bin", "wb") as file:
        for _ in range(48):
            file.write(os.urandom(1 << 20))
    return Path("large.bin")

@activity
def looks(job) -> str:
    """Tell of the process what must be the same however it was begun."""
    own = {"ACTIVITY_ID": job.id, "ACTIVITY_ATTEMPT": "1"}
    shown = dict(each.split("=", 1) for each in open("/proc/self/environ").read().split("\\0") if "=" in each)
    lines = [line.split() for line in open("/proc/self/status") if line.startswith(("SigBlk", "SigIgn"))]
    of_the_c_library = 1 << 31 | 1 << 32  # which its posix_spawn leaves ignored, and no program may use
    signals = [int(value, 16) & ~of_the_c_library for _, value in lines]
    opened = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
    child = [sys.executable, "-c", "import os; print(sorted(os.environ))"]
    seen = [
        {name: shown[name] for name in own} == own,
        sorted(os.environ),
        signals,
        sorted(os.path.basename(os.readlink(each)) for each in opened if os.path.exists(each)),
        (os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid(), os.umask(0)),
        sys.argv,
        sys.path.index(os.getcwd()),
        (sys.stdin.read(), job.input, os.getcwd() == str(job.workdir)),
        (sys.stdout.line_buffering, sys.stdout.encoding, sys.stderr.errors, sys.stdin.encoding),
        subprocess.run(child, capture_output=True, text=True).stdout,
    ]
    return "\\n".join(map(repr, seen))

@activity
def draws(job) -> str:
    """Draw from all generators that there are."""
    drawn = [random.random()]
    if "numpy" in sys.modules:
        drawn.append(float(sys.modules["numpy"].random.random()))
    return repr(drawn)

@activity
def stands(job) -> str:
    try:
        stand("gate")
        return "went on"
    finally:
        Path("tidied").touch()

@activity
async def stands_async(job) -> str:
    Path("here").touch()
    try:
        await asyncio.sleep(1000)
    finally:
        Path("tidied").touch()

@activity
def asks(job) -> str:
    assert not job.cancelled
    Path("here").touch()
    while not job.cancelled:
        time.sleep(0.01)
    return "so far"

@activity
def ignores(job) -> None:
    job.cancelled
    Path("here").touch()
    while True:
        time.sleep(1000)

@activity
def forks(job) -> None:
    """Leave processes behind in every way that Python has."""
    import multiprocessing
    context = multiprocessing.get_context("fork")
    context.Process(target=time.sleep, args=(1000,)).start()
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], start_new_session=True)
    Path("here").touch()
    time.sleep(1000)

@activity
def strays(job, fails: bool) -> str:
    """Fork, and let the child return before the parent does, or fail."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    elif fails:
        raise LookupError("in the child")
    return "parent" if child else "child"

@activity
def shuts(job) -> str:
    sys.stdout.close()
    sys.stderr = None
    return "done"

@activity
def pools(job) -> int:
    """End processes of its own by SIGTERM, which is not for itself."""
    import multiprocessing
    job.cancelled
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return sum(pool.map(abs, range(-3, 3)))

@activity(restart="resume", state=Count)
def steps(job, gate: int) -> str:
    state = job.state or Count(0)
    begun = state.number
    for number in range(begun, 5):
        if number == gate and job.attempt == 1:
            stand("gate")
        job.checkpoint(Count(number + 1))
    return f"{begun} {job.state.number} {job.attempt}"

@activity
def threads(job) -> None:
    """A thread that is no daemon ends before the process does, and what was registered is called."""
    import atexit, threading
    atexit.register(lambda: Path("at-exit").touch())
    threading.Thread(target=lambda: (time.sleep(0.1), Path("thread").touch())).start()
'''


def request(operation: str, **values: object) -> bytes:
    """Return the request of an operation whose values need no care."""
    children = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
    return f'<{operation} xmlns="{NAMESPACE}">{children}</{operation}>'.encode()


def function_job(folder: Path, target: object, operation: str, values: Mapping[str, object] | None = None) -> Job:
    """Return a job that calls an operation."""
    job = fresh_job(folder, *PREFIX, str(target), operation)
    return Job(
        activity_id=job.activity_id,
        attempt=1,
        folder=job.folder,
        argv=job.argv,
        arguments=request(operation, **(values or {})),
    )
