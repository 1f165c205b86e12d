"""What knows nothing of search: text, files, digests, locators, processors."""
