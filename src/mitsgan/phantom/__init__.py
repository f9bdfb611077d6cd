"""A synthetic chest CT, with the truth of its anatomy known."""
