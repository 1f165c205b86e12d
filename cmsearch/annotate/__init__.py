"""Labels, captions and answers for pictures, and files of them beside the pictures."""
