"""Monitoring: what was captured is compared with a baseline, and with labels, by time or by number."""

from .baseline import Baseline as Baseline
from .bucket import MonitoringBucket as MonitoringBucket
from .monitor import DriftMonitor as DriftMonitor
from .monitor import ModelQualityMonitor as ModelQualityMonitor
from .settings import DriftSettings as DriftSettings
from .settings import QualitySettings as QualitySettings
