"""What the training of an adapter shows: recipe, corpus, contamination."""
