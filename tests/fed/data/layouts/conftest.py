from tests.fed.data.collections.conftest import sheet  # noqa: F401
