"""The store of a folder: the catalog, which is the truth, and the index derived from it."""
