"""Send some baskets to the queue and read the pairs. The work goes on if this program goes away."""

from wsrf_activity.client import connect

BASKETS = b"""\
bread butter milk
bread butter
milk tea
bread butter tea
butter milk
"""

activity = connect().start("baskets", most=2, input=BASKETS)
print(activity.wait(timeout=60).phase)
print(activity.result().read().decode(), end="")
print("all pairs:", activity.result("pairs").size, "bytes")
