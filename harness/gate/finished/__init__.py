"""A finished run: decided again, judged again, labelled, released."""
