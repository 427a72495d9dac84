from __future__ import annotations

import json
import re

import pytest

from monai_rescunet import __version__
from monai_rescunet.core.errors import InputError
from monai_rescunet.core.provenance import Provenance, read_provenance


@pytest.fixture
def bundle(tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "metadata.json").write_text(json.dumps({"version": "1.2.3"}))
    (tmp_path / "model.pt").write_bytes(b"weights")
    return tmp_path


def test_a_version_has_program_bundle_and_weights(bundle):
    version = read_provenance(bundle / "model.pt", bundle).version
    assert version.startswith(f"{__version__}, bundle 1.2.3, weights ")
    assert re.search("weights [0-9a-f]{12}$", version)


def test_other_weights_have_another_version(bundle):
    before = read_provenance(bundle / "model.pt", bundle)
    (bundle / "model.pt").write_bytes(b"retrained")
    assert read_provenance(bundle / "model.pt", bundle).version != before.version


def test_no_version_is_longer_than_dicom_takes():
    assert len(Provenance("1.2.3.dev4+" + 60 * "x", "0123456789ab").version) <= 64
    assert Provenance().version == __version__


def test_weights_that_are_not_there_are_refused(bundle):
    with pytest.raises(InputError, match="the weights cannot be read"):
        read_provenance(bundle / "other.pt", bundle)


def test_a_bundle_without_a_version_is_refused(bundle):
    (bundle / "configs" / "metadata.json").write_text("{}")
    with pytest.raises(InputError, match="has no version"):
        read_provenance(bundle / "model.pt", bundle)


def test_weights_that_may_be_missing_are_not_named(bundle):
    assert read_provenance(bundle / "other.pt", bundle, missing_ok=True) == Provenance("1.2.3", "")
    named = read_provenance(bundle / "model.pt", bundle, missing_ok=True)
    assert named == read_provenance(bundle / "model.pt", bundle)
