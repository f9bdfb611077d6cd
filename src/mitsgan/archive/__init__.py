"""Many thousand series: found, listed in a ledger, and done by as many processes as there are."""
