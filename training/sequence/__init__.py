"""A sequence model: a small network over the items of a session, fitted without a framework, exported to ONNX with the ranker's head."""
