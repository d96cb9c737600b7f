"""Commands that train methods and rank them."""
