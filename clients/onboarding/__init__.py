"""Onboarding: a hospital adapts the global model to its archive, without training.

It needs no label of any case. What it computes stays with it; only scores leave.
"""

from clients.onboarding.archive import knowledge, set_archive_apart
from clients.onboarding.bayes import training_shares
from clients.onboarding.hospital import Hospital
from clients.onboarding.procedures import adapt

__all__ = ["Hospital", "adapt", "knowledge", "set_archive_apart", "training_shares"]
