"""Everything neural: encoders, rerankers, transcribers, and how their weights are had."""
