"""What families are made of.

asked                                requests of products, runs of labs, what arrives at delivery
shapes, forward, searching, rl       a model's parameters, FLOP of a token, of a search, of a step
cells, fleet                         measured cells, and who buys and does what
networks, draws                      what one accelerator has of its network, and its watts
"""
