"""What is derived from the catalog: vectors laid out for searching, and their files."""
