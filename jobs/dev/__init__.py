"""Kafka, a schema registry, ZooKeeper and a Flink cluster as processes on loopback: what production has, without Docker."""
