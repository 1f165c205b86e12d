"""Engines over HTTP, for agents and for the command line: all of it asks `cmsearch.search`."""
