"""What every store must do, whatever it keeps things in: one pytest class, derived from once for each store.

It needs pytest-asyncio, in whichever mode, and Hypothesis.
"""

from wsrf_activity.testing.stores.changing import Changing, Keeping
from wsrf_activity.testing.stores.listing import Listing, Queueing
from wsrf_activity.testing.stores.relating import Relating
from wsrf_activity.testing.stores.removing import Removing
from wsrf_activity.testing.stores.serving import Serving
from wsrf_activity.testing.stores.telling import Logging, PullPoints, Subscribing

__all__ = ["StoreContract"]


class StoreContract(
    Keeping, Changing, Listing, Queueing, Removing, Logging, Subscribing, PullPoints, Relating, Serving
):
    """The derived class, named ``Test...``, gives the fixture ``store_url``: the URL of an empty store for each test.

    ``several``, ``lasting`` and ``concurrent`` say what it cannot do, as one in memory; ``open`` is for one that is not
    installed.
    """
