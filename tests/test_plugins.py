"""Plug-ins are found by name, lazily, and refused with a line that says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.core import plugins
from evalkit.core.errors import ConfigError, PluginError


@pytest.mark.usefixtures("outside")
def test_outside_plugins_come_through_the_same_door() -> None:
    assert {"rnnoise", "late"} <= set(plugins.available("enhancers"))
    assert plugins.create("enhancers", "late", {"delay_ms": 3}).delay_ms == 3


def test_an_unknown_name_lists_what_is_installed() -> None:
    with pytest.raises(PluginError, match=r"did you mean 'rnnoise'\? installed: .*rnnoise"):
        plugins.load("enhancers", "rnoise")
    with pytest.raises(PluginError, match="no plug-in group 'enhancer'"):
        plugins.available("enhancer")


def test_a_missing_extra_says_what_to_install() -> None:
    error = plugins.missing_package(ModuleNotFoundError(name="pocketsphinx.x"), "recognizer")
    assert str(error) == ("recognizer needs the package 'pocketsphinx': "
                          "pip install 'evalkit[pocketsphinx]'")


def test_every_extra_that_is_named_exists() -> None:
    import tomllib
    from pathlib import Path

    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    assert set(plugins.EXTRA_OF_PACKAGE.values()) <= set(extras)


def test_a_misspelt_option_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'wer' has no option 'normalizer'; it takes normaliser, "
                       r"costs.*; did you mean 'normaliser'\?"):
        plugins.create("metrics", "wer", {"normalizer": "basic"})


def test_an_option_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"conditions plug-in 'noise': snr_db: must be a "
                       "number, not 'loud'"):
        plugins.create("conditions", "noise", {"kind": "babble", "snr_db": "loud"})


def test_every_builtin_metric_says_what_it_measures(tmp_path: Path) -> None:
    (tmp_path / "lattices").write_text("u1\n0 1 turn\n1\n")
    for language in ("en", "es"):
        (tmp_path / f"{language}.txt").write_text("no\n")
    needed: dict[str, dict[str, object]] = {
        "language_wer": {"lists": tmp_path}, "b_wer": {"key": "names"},
        "lattice_wer": {"lattices": tmp_path / "lattices"}}
    for name in plugins.available("metrics"):
        metric = plugins.create("metrics", name, needed.get(name))
        assert metric.facts and metric.version
        assert all(fact.definition for fact in metric.facts.values())
