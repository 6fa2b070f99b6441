"""The least that an accuracy takes over RL compute, chain length and samples."""
