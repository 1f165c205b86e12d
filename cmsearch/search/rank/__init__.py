"""The second stage: what looks closer at the candidates of the first."""
