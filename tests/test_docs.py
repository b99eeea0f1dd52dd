"""Pages of the docs that are printed by commands are what those commands print."""

from kdbench.report.config_reference import config_reference
from kdbench.report.network_table import markdown_table, network_rows
from tests.conftest import ROOT


def test_the_configuration_reference_is_that_of_the_typed_configuration():
    assert (ROOT / "docs/configuration.md").read_text() == config_reference()


def test_the_table_of_networks_is_that_of_the_zoo():
    assert markdown_table(list(network_rows(32, 3, 10))) in (ROOT / "docs/networks.md").read_text()
