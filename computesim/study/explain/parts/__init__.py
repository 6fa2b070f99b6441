"""What families are made of.

chips, gains                         figures of one accelerator; progress of software and algorithms
usage, policies                      users, prompts and prices of products; what labs balance
asked                                requests of products, runs of labs, what arrives at delivery
shapes, forward, searching, rl       a model's parameters, FLOP of a token, of a search, of a step
cells, fleet                         measured cells, and who buys and does what
limiting                             what there is of everything, and what accelerators take of it
networks, draws                      what one accelerator has of its network, and its watts
sites, prices, cohorts, ownership    regions, what is paid at purchase, what is left, an hour's cost
accounts                             what the streams of a serving pool pay
ranges, ratios, bill_content         ends of ranges, ratios of the bill, what comes with one
market                               prices by date, and what is bought from NVIDIA
"""
