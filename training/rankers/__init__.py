"""Rankers: a linear one as the floor, a perceptron, boosted trees, a sequence network. Each is fitted and written as ONNX."""
