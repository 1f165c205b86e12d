"""What is asked, from the words people write to vectors."""
