"""Running examples: environments, workers, and the pool that feeds them."""
