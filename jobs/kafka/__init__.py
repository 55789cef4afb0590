"""Kafka from the command line: topics, offsets, archives put into a topic, dead letters looked at and sent again."""
