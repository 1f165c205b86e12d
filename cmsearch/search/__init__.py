"""The search line: query, retrieve, rank, hybrid, merge; the engine is its door."""
