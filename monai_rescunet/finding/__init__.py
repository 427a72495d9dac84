"""The finder: where in a whole mammogram masses are, from the frame that the breast is brought to, to boxes."""

from monai_rescunet.finding.finder import Finder, FindMassesd
from monai_rescunet.finding.frame import BreastFrame, BreastFramed
from monai_rescunet.finding.given import RemarkGivenMassesd
from monai_rescunet.finding.loss import FinderLoss
from monai_rescunet.finding.network import FinderNet
from monai_rescunet.finding.proposals import Finding, Findings, ProposeMasses, ProposeMassesd
from monai_rescunet.finding.regions import PaintRegionsd
from monai_rescunet.finding.targets import FindingTargets, FindingTargetsd
from monai_rescunet.finding.tone import RandBreastToned
from monai_rescunet.finding.weights import load_finder_weights, store_finder_weights

__all__ = [
    "BreastFrame",
    "BreastFramed",
    "FindMassesd",
    "Finder",
    "FinderLoss",
    "FinderNet",
    "Finding",
    "FindingTargets",
    "FindingTargetsd",
    "Findings",
    "PaintRegionsd",
    "ProposeMasses",
    "ProposeMassesd",
    "RandBreastToned",
    "RemarkGivenMassesd",
    "load_finder_weights",
    "store_finder_weights",
]
