"""What hours, tokens and runs cost."""
