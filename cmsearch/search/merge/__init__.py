"""From candidates to the answer: relevance, near-duplicates, spreading."""
