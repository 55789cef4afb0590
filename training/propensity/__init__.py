"""Models of shoppers: will she click, will she buy, will she stay away, and which category is next.

`outcomes` (what followed an event), `impressions` (lists whose showing was logged), `samples` (what is learned from), `horizon` (how long
she has to be away), `fitting` (models and their calibration), `judging` (how good their probabilities are), `choosing` (which one, if any,
serves), `onnx_file`, and `learning`, which goes through all of it.
"""
