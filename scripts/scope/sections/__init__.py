"""The sections of a configuration file: every key, its type, its limits and what it is for."""

from scope.sections.base import Count, Name, Section
from scope.sections.inputs import Data, Models
from scope.sections.outcome import Evaluation, Report, Tracking
from scope.sections.training import LogprobTemperature, Objective, Rollout, Teacher, Update

__all__ = [
    "Count", "Data", "Evaluation", "LogprobTemperature", "Models", "Name", "Objective", "Report", "Rollout", "Section",
    "Teacher", "Tracking", "Update",
]  # fmt: skip
