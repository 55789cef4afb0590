"""The thin Flink adapters of the pure core: they hold no logic of their own."""
