"""What an audit asks: absurd answers, mutants of goods, and goods written another way."""
