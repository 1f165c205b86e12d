"""Rerankers that are models of their own, one file each."""
