"""Start two jobs of a second each, and look at them as Grassroots' programs do, in JSON over HTTP."""

import os
from pathlib import Path

import httpx

from wsrf_activity.client import connect

DATA = Path(os.environ.get("WSRF_ACTIVITY_DATA", "~/.local/share/wsrf-activity")).expanduser()

service = connect()
jobs = service.start("long_running.run", number_of_jobs=2, seconds=1)
jobs.wait(timeout=60)
with httpx.Client(auth=("token", (DATA / "token").read_text().strip()), params={"profile": "grassroots"}) as grassroots:
    whole = grassroots.get(jobs.address).json()
    print(whole["service_name"], whole["status"], whole["status_text"])
    for each in service.list(parent=jobs.id):
        job = grassroots.get(each.address).json()
        [took] = [result["data"] for result in job["results"] if result["title"] == "result"]
        print(job["status_text"], took.strip())
