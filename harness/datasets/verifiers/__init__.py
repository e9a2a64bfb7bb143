"""The verifiers of the datasets' own sample files, found as those of a workspace are."""
