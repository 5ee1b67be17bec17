"""Running pipelines over a corpus: plan, shards, executors, record."""
