"""The small models that the tests of the local backend share; a module names this in ``pytest_plugins``."""

import pytest
from local_models import session


@pytest.fixture(scope="module")
def v15(comfy_path):
    return session.v15()


@pytest.fixture(scope="module")
def v1(comfy_path):
    return session.v1()


@pytest.fixture(params=["v15", "v1"])
def parts(request):
    """Both generations in turn."""
    return request.getfixturevalue(request.param)
