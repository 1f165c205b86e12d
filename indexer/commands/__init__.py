"""The commands that read the media; the lazy group imports them by name."""
