"""The first stage: the nearest neighbours of a query in each modality."""
