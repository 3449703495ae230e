"""The catalogue: its format, its files as data, and what is wrong with them."""
