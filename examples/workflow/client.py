"""Start the workflow and wait for all of it: a parent ends when its steps have."""

from wsrf_activity.client import connect

service = connect()
workflow = service.start("reads.analyse", text="acgt ggga NN acccc")
print(workflow.wait(timeout=60).phase)
steps = {step.properties.name: step for step in service.list(parent=workflow.id)}
for name in ("clean", "share", "longest", "report"):
    print(f"{name}: {steps[name].result().read().decode().strip()}")
print("warned:", [error.description for error in steps["clean"].errors])
