"""From the rows of a benchmark to its tables, each with intervals; see docs/benchmark.md."""
