"""A Flink cluster from outside: its REST API, submitting the job, what can be done to a running one, and how it is doing."""
