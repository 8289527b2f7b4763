"""Start the workflow for three stations, of which one has sent nothing, and see what became of each."""

from wsrf_activity.client import connect

STATIONS = ["11.0 12.5 17.0 16.5", "", "3.5 2.0 2.5"]

service = connect()
study = service.start("stations.study", station=STATIONS)
print(study.wait(timeout=60).phase, study.error_status)
newest_first = list(service.list(parent=study.id))
for number, station in enumerate(reversed(newest_first), 1):
    steps = {step.properties.name: step for step in service.list(parent=station.id)}
    if station.phase == "Completed":
        print(f"station {number}: peak {steps['peak'].result().read().decode()}")
    else:
        print(f"station {number}: {station.phase}: {steps['smooth'].errors[0].description}")
