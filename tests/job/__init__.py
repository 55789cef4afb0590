"""Tests on a local Flink."""
