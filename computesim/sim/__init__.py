"""How it goes in time: queues, serving and rollouts, as numbers only."""
