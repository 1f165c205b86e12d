"""Training of dual encoders on pairs of pictures and captions."""
