"""The truth: SQLite with every asset, item and vector."""
