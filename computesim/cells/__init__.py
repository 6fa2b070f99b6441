"""What one accelerator gets done: serving, training and reinforcement learning, measured."""
