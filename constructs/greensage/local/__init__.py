"""A local cloud: ministack with SageMaker, its runtime and Application Auto Scaling added, and real serving processes.

Only `cloud` and `environment` are for the outside; the other modules run inside the local cloud's own process.
"""
