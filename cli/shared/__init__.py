"""What commands share: the terminal and what they are given."""
