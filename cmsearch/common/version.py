"""The version of cmsearch."""

__version__ = "0.1.0"
