"""Near misses: answers that are almost a known good, by what is wrong with them."""
