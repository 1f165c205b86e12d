"""The commands of the command line, one module each; the lazy group imports them by name."""
