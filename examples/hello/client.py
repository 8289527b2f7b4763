"""Submit as moi does: without a user, for a user with a place for the result, and a system call."""

from wsrf_activity.client import Activity, ProgressReported, connect

service = connect()


def submit_nouser(operation: str) -> Activity:
    """Start an operation for nobody in particular: moi's group for that, its name, and no place for the result."""
    return service.start(operation, groups=["no-user"], name="unnamed")


def submit(user: str, name: str, result_handler: str, operation: str) -> Activity:
    """Start an operation for a user, whose result is shown by a handler."""
    return service.start(operation, groups=[user], name=name, result_handler=result_handler)


def handler_of(job: Activity) -> str | None:
    """Return where a person sees the result, if there is such a place."""
    if "handler" not in [result.name for result in job.results]:
        return None
    return job.result("handler").read().decode().strip().replace(str(job.id), "ID")


job = submit_nouser("hello.hello")
job.wait(timeout=60)
print(job.properties.name, job.properties.groups, handler_of(job), job.result().read().decode())

job = submit("me", "The hello job", "/hello_result", "hello.hello_aloud")
for event in job.events(topics="ProgressReported"):
    if isinstance(event, ProgressReported):
        print("status:", event.progress.message)
print(job.properties.name, job.properties.groups, handler_of(job), job.result().read().decode())

for command in ("echo out; echo err >&2", "echo out; echo err >&2; exit 3"):
    job = service.run(command, name=command)
    job.wait(timeout=60)
    print(job.phase, job.properties.exit_code, job.result("stdout").read(), job.result("stderr").read())
