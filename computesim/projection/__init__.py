"""How much, by year: demand, goodput, fleet, network, power and cost.

Every module turns plain numbers and arrays into plain numbers and arrays; only
`computesim.pipeline` knows the scenario, the catalog and the simulation together.
"""
