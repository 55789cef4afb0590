"""Topology, sources, sinks, the thin Flink adapters of the core, and the command line."""
