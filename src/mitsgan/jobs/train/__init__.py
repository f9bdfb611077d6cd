"""Train attackers, protectors, the classifier and baselines: `job.train`, by its settings."""
