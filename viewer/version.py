"""Which version of the program this is."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("hoichan")
except PackageNotFoundError:
    VERSION = "from source"
