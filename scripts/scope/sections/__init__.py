"""The sections of a configuration file: every key, its type, its limits and what it is for."""

from scope.sections.base import Arm, Count, Name, Section
from scope.sections.cost import Cost
from scope.sections.grid import Axis, Grid
from scope.sections.inputs import Data, Models
from scope.sections.outcome import Evaluation, Report, Resume, Retention, Tracking
from scope.sections.teacher import Teacher
from scope.sections.training import LogprobTemperature, Objective, Rollout, Update

__all__ = [
    "Arm", "Axis", "Cost", "Count", "Data", "Evaluation", "Grid", "LogprobTemperature", "Models", "Name", "Objective", 
    "Report", "Resume", "Retention", "Rollout", "Section", "Teacher", "Tracking", "Update",
]  # fmt: skip
