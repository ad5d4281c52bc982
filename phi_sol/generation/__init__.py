"""Reference simulations: computed in batches, recorded, and resumed."""
