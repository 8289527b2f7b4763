"""Start the query, wait for it, and read its result, which is a list of records in XML."""

from lxml import etree

from wsrf_activity.client import connect

activity = connect().start("archive.histogram", faintest=6)
print(activity.wait(timeout=600).phase)  # activity.events() tells of its progress meanwhile
print(activity.progress)
for magnitude, stars in etree.fromstring(activity.result().read()):
    print(f"magnitude {magnitude.text}: {stars.text} stars")
