"""What is bought: the roadmap, who gets which accelerators, and what limits them."""
