"""The pages of what stands beside one run: two runs, and a library of adapters."""
