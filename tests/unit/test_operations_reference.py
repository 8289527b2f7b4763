"""The operations reference says all that the contract says, and is no older than it."""

from lxml import etree

from docs import generate_operations


def test_the_page_is_what_the_contract_says_today() -> None:
    remedy = "the contract has changed: run `python docs/generate_operations.py`"
    assert generate_operations.PAGE.read_text(encoding="utf-8") == generate_operations.page(), remedy


def test_every_operation_has_its_place() -> None:
    page = generate_operations.page()
    folder = generate_operations.PAGE.parents[1] / "wsdl"
    names = {
        operation.get("name")
        for path in folder.glob("*.wsdl")
        for operation in etree.parse(str(path)).getroot().iterfind("{*}portType/{*}operation")
    }
    assert len(names) >= 17
    assert [name for name in names if f"\n### {name}\n" not in page] == []
