"""Readers: how files become parts of one modality each."""
