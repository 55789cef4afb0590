"""The oracle: what `docs/semantics.md` says, in plain Python, one event at a time.

Written from the page and not from the job's code, and slow on purpose: every line can be held against a sentence of the page.
Nothing here imports `udfs`, `models` or `training`; `compare` alone does, because it reads what the job wrote.
"""
