"""What the node keeps: objects on disk, and in the ledger what became of them."""
