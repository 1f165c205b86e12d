"""Learning from the captions of a store, and measuring how well it searches."""
