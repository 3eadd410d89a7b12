"""How writes become durable: commits, transactions, what follows them, and what nobody knows the outcome of."""
