"""What is asked, by whom: products, tiers and labs of a scenario, year by year."""
