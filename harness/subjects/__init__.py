"""What is judged: identity, tensors, effect, training."""
