"""The examples do what they say; the page on them has their programs and the output that they have today."""

from collections.abc import Mapping

import pytest

from docs import generate_examples


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What each example prints."""
    return generate_examples.outputs(tmp_path_factory.mktemp("examples"))


def test_the_page_has_what_they_print_today(printed: Mapping[str, str]) -> None:
    remedy = "an example, or what it prints, has changed: run `python docs/generate_examples.py`"
    assert generate_examples.PAGE.read_text(encoding="utf-8") == generate_examples.page(printed), remedy


def test_every_folder_is_shown_and_named() -> None:
    folders = {path.name for path in generate_examples.EXAMPLES.iterdir() if path.is_dir() and path.name[0] not in "._"}
    shown = [example.folder for example in generate_examples.EXAMPLES_SHOWN]
    assert sorted(shown) == sorted(folders)
    readme = (generate_examples.EXAMPLES / "README.md").read_text("utf-8")
    assert [name for name in shown if f"| `{name}` |" not in readme] == []
