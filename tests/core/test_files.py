import pytest

from monai_rescunet.core.errors import InputError
from monai_rescunet.core.files import relative_name, write_atomically


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "new" / "a.txt"
    write_atomically(path, "one")
    write_atomically(path, b"two")
    assert path.read_text() == "two"
    assert [file.name for file in path.parent.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch, step):
    path = tmp_path / "a.txt"
    write_atomically(path, "old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(step, full)
    with pytest.raises(InputError, match=r"a\.txt: cannot be written \(No space left on device\)"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_where_a_folder_should_be_is_named(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_atomically(tmp_path / "a" / "b.txt", "x")


def test_names_are_relative_to_the_folder_or_as_given(tmp_path):
    assert relative_name(tmp_path / "images" / "a.png", tmp_path) == "images/a.png"
    assert relative_name("/elsewhere/a.png", tmp_path) == "/elsewhere/a.png"


def test_a_link_keeps_its_own_name(tmp_path):
    """Which may stand for a patient's."""
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "Doe_Jane.png").write_text("")
    (tmp_path / "anon.png").symlink_to(tmp_path / "raw" / "Doe_Jane.png")
    assert relative_name(tmp_path / "anon.png", tmp_path) == "anon.png"


def test_names_are_relative_to_a_folder_however_it_is_given(tmp_path):
    (tmp_path / "data" / "images").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "data")
    for path, folder in (("data", "link"), ("link", "data"), ("link", "link"), ("data/../link", "data")):
        assert relative_name(tmp_path / path / "images" / "a.png", tmp_path / folder) == "images/a.png"
