"""The gate's statistics as pure functions, one topic a module; each docstring names the source of
its formula.

Three conventions hold everywhere:

- A rate, a difference and a margin are fractions of one, never percent; ``confidence`` is
  two-sided unless it says so.
- What cannot be computed from honest data (a standard error of one cluster, kappa of one
  category) is an :class:`~harness.stats.values.Undefined` with its reason, never 0. It prints as
  ``not measured``.
- What cannot be data (a negative count, more passes than items, a NaN) raises ``ValueError`` and
  names the argument.

Importing this package imports nothing; numpy and scipy load with the module that needs them."""
