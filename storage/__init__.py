"""What is kept: bytes, the index of what they say, the log of what changed; and the words for these things."""
