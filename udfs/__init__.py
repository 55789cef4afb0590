"""The pure core: columns in, columns out, no Flink."""
