"""What turns prompts into answers."""
