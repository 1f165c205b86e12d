"""Agents: the tools with which a model searches, by the Model Context Protocol."""
