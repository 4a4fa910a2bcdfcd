"""The one home of each default that model files and props share; what AWS allows is in catalog/limits, with its source.

Units are in the names. The reason stands beside a value where a reader would ask for it.
"""

from __future__ import annotations

# What is kept.
LOG_RETENTION_DAYS = 14  # long enough for a holiday's incident, short enough that nobody pays for old lines
ARTIFACT_VERSIONS_DAYS = 30
DATA_DAYS = 14
CAPTURE_DAYS = 7
KEEP_VERSIONS = 5  # of each group of the model registry

# How much is captured.
CAPTURE_PERCENT = 10

# Guarded deployments.
BAKE_SECONDS = 120
STEP_INTERVAL_SECONDS = 120
MAX_ERROR_PERCENT = 2.0

# Scaling. Growing waits a minute, because an instance needs some to start; shrinking waits five, so that a lull does not
# throw a warm instance away.
SCALE_OUT_COOLDOWN_SECONDS = 60
SCALE_IN_COOLDOWN_SECONDS = 300
MAX_INSTANCES = 2
INVOCATIONS_PER_INSTANCE_PER_MINUTE = 1_000.0
BACKLOG_PER_INSTANCE = 5.0
MAX_COPIES = 2
INVOCATIONS_PER_COPY_PER_MINUTE = 100.0
PROVISIONED_CONCURRENCY_UTILIZATION = 0.7

# Variants.
WEIGHT = 1.0
SHADOW_PERCENT = 20.0

# Kinds.
SERVERLESS_MEMORY_MB = 1_024
SERVERLESS_CONCURRENCY = 5
ASYNC_CONCURRENCY_PER_INSTANCE = 4
BATCH_INSTANCES = 1
# AWS asks for subnets in two (developer guide, host-vpc).
ZONES = 2
BATCH_CONTENT_TYPE = "text/csv"
BATCH_PAYLOAD_MB = 6
COMPONENT_CPU_CORES = 1.0
EDGE_PORT = 8_080

# The retraining loop; what has a source of its own is in catalog/data/drift.json.
EVALUATION_SCHEDULE = "rate(1 day)"
RETRAINING_COOLDOWN_DAYS = 7.0
RETRAININGS_PER_MONTH = 2
APPROVAL_HOURS = 72
FLEXIBLE_HOURS = 0
MAX_RUN_MINUTES = 60
MAX_WAIT_MINUTES = 120

# Optimized models: how far answers may differ, as shares of their range, of rows, or of the metric.
OPTIMIZE_MAX_DELTA = 0.0001  # of sums in another order; float32 keeps seven digits
OPTIMIZE_MEAN_DELTA = 0.01
OPTIMIZE_MIN_AGREEMENT = 0.99
OPTIMIZE_MAX_WORSE = 0.005
OPTIMIZE_MIN_COSINE = 0.995

# What looks after everything by itself.
REVIEW_SCHEDULE = "cron(0 6 ? * MON *)"
PARAMETERS_ROOT = "/greensage"
LOW_USE_PERCENT = 5.0
ARCHIVED_LOGS = "/aws/sagemaker/"
ARCHIVE_SCHEDULE = "cron(0 4 * * ? *)"
