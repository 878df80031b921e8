"""The package's version, read by the build, by ``show_config`` and by the command."""

__version__ = "0.1.0"
