"""Retraining: a state machine that trains, compares, registers, waits for approval and updates the endpoint, guarded."""

from .alerts import DriftAlerts as DriftAlerts
from .champion import Champion as Champion
from .optimization import Optimization as Optimization
from .policy import RetrainingPolicy as RetrainingPolicy
from .retraining import DriftTriggeredRetraining as DriftTriggeredRetraining
from .training import DataFile as DataFile
from .training import TrainingSource as TrainingSource
