"""Evidence besides the vectors of the items themselves: captions, words, pages."""
