"""One step of reinforcement learning on a cluster: rollouts, learner, and what joins them."""
