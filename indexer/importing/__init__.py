"""Taking over vectors that other programs made, or an export of cmsearch."""
