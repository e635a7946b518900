"""What the tests of the arithmetic share."""

import scipy.special  # noqa: F401 - loading it is no part of a single test's time
