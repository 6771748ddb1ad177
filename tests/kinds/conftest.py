"""A hub whose feeds a test fills by hand."""

from __future__ import annotations

import pytest

from tests.kinds.kindfakes import FakeHub


@pytest.fixture
def hub() -> FakeHub:
    return FakeHub()
