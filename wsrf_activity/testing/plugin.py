"""What pytest loads where this package is installed. It imports nothing of ours before a test asks for a fixture."""

import pytest

# Their assertions say what they compared, as those of a test's own file do.
pytest.register_assert_rewrite("wsrf_activity.testing.engines", "wsrf_activity.testing.stores")
