"""PercepNet's network: the same in torch and in ONNX, in any chunks, with no look ahead."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.core.errors import ConfigError
from evalkit.models.percepnet.bands import BANDS
from evalkit.models.percepnet.features import FEATURES
from evalkit.models.percepnet.network import SHIPPED_SIZES, Filters, PercepNet, Sizes, loss
from evalkit.models.percepnet.runtime import Listener, Runtime
from evalkit.systems.percepnet import PercepNet as Enhancer

pytest.importorskip("onnx")
import onnx

from evalkit.models.percepnet.graph import write

SMALL = Sizes(dense=12, channels=20, hidden=16, layers=2, strength=8)
FRAMES = 60


@pytest.fixture(scope="module")
def network() -> PercepNet:
    torch.manual_seed(0)
    network = PercepNet(SMALL, mean=[0.5] * FEATURES, spread=[2.0] * FEATURES)
    for weight in network.parameters():  # Larger than at birth, so that the gates work.
        torch.nn.init.normal_(weight, std=0.4)
    return network.eval()


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    return np.random.default_rng(0).normal(0.5, 2, (FRAMES, FEATURES)).astype(np.float32)


@pytest.fixture(scope="module")
def files(network: PercepNet, tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Runtime]:
    folder = tmp_path_factory.mktemp("networks")
    for integers in (False, True):
        write(network, folder / f"{integers}.onnx", {"made": "here"}, integers=integers)
    return {integers: Runtime(folder / f"{integers}.onnx") for integers in (False, True)}


@torch.inference_mode()
def wanted(network: PercepNet, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    filters = network(torch.from_numpy(features)[None])
    return filters.gains[0].numpy(), filters.strengths[0].numpy()


def said(listener: Listener, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gains and strengths."""
    filters = listener(features)
    return filters[:, :BANDS], filters[:, BANDS:]


def test_floats_are_torchs(network: PercepNet, features: np.ndarray,
                           files: dict[bool, Runtime]) -> None:
    for got, right in zip(said(files[False].start(), features), wanted(network, features),
                          strict=True):
        np.testing.assert_allclose(got, right, atol=1e-5)


def test_integers_are_close(network: PercepNet, features: np.ndarray,
                            files: dict[bool, Runtime]) -> None:
    for got, right in zip(said(files[True].start(), features), wanted(network, features),
                          strict=True):
        assert 0 < np.abs(got - right).mean() < 0.01
        assert ((got >= 0) & (got <= 1)).all() and got.std() > 0.1


@given(cuts=st.lists(st.integers(0, FRAMES), max_size=12), integers=st.booleans())
@settings(max_examples=30, deadline=None)
def test_chunks_change_nothing(cuts: list[int], integers: bool, features: np.ndarray,
                               files: dict[bool, Runtime]) -> None:
    """Even while another signal is listened to."""
    runtime = files[integers]
    listener, other, parts = runtime.start(), runtime.start(), []
    for chunk in np.split(features, sorted(cuts)):
        parts.append(listener(chunk))
        other(features[:1])
    np.testing.assert_array_equal(np.concatenate(parts), runtime.start()(features))


def test_nothing_later_is_heard(network: PercepNet, features: np.ndarray) -> None:
    changed = features.copy()
    changed[30:] += 5
    for before, after in zip(wanted(network, features), wanted(network, changed), strict=True):
        np.testing.assert_allclose(before[:30], after[:30], atol=1e-6)
        assert np.abs(before[30:] - after[30:]).max() > 0.1


def test_a_million_weights_fit_in_a_megabyte(tmp_path: Path) -> None:
    network = PercepNet(SHIPPED_SIZES)
    assert 0.9e6 < sum(weight.numel() for weight in network.parameters()) < 1e6
    write(network, tmp_path / "shipped.onnx", {})
    assert (tmp_path / "shipped.onnx").stat().st_size <= 1.1e6
    assert 7.8e6 < sum(weight.numel() for weight in PercepNet().parameters()) < 8.2e6


def test_same_network_same_bytes(network: PercepNet, tmp_path: Path) -> None:
    for name in ("one", "other"):
        write(network, tmp_path / name, {"seed": "1"})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_loss_is_that_of_the_formula() -> None:
    rng = np.random.default_rng(0)
    g, r, gh, rh = rng.uniform(0.01, 0.99, (4, 2, 5, BANDS))
    mask = rng.random((2, 5, BANDS)) < 0.7
    each = ((np.sqrt(g) - np.sqrt(gh))**2 + 10 * (np.sqrt(g) - np.sqrt(gh))**4
            + (np.sqrt(1 - r) - np.sqrt(1 - rh))**2)
    tensors = [torch.tensor(x) for x in (gh, rh, g, r)]
    got = loss(Filters(*tensors[:2]), Filters(*tensors[2:]), torch.tensor(mask, dtype=torch.float))
    assert float(got) == pytest.approx(each[mask].mean(), rel=1e-6)


def test_loss_has_a_gradient_at_nothing_and_at_all() -> None:
    heard = torch.tensor([0.0, 1.0]).repeat(17).requires_grad_()
    both = Filters(heard, heard)
    loss(both, Filters(torch.ones(BANDS), torch.zeros(BANDS)), torch.ones(BANDS)).backward()
    assert torch.isfinite(heard.grad).all()


@pytest.mark.parametrize("content", [b"", b"no network", b"\x08\x08\x12\x02"])
def test_another_file_is_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.onnx"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"weights\.onnx: .*file of a trained one") as refused:
        Runtime(path)
    assert "\n" not in str(refused.value)


def respelt(file: bytes, change: Callable[[Any], None]) -> bytes:
    """``file`` with its initializers changed, for both graphs."""
    whole = onnx.load_model_from_string(file)
    size = int({each.key: each.value for each in whole.metadata_props}["weights"])
    ahead, rest = onnx.ModelProto(), onnx.ModelProto()
    ahead.ParseFromString(file[:size])
    rest.ParseFromString(file[size:])
    change(ahead.graph.initializer)
    (place,) = (each for each in rest.metadata_props if each.key == "weights")
    place.value = str(ahead.ByteSize())
    return b"".join(part.SerializeToString(deterministic=True) for part in (ahead, rest))


@pytest.mark.parametrize("integers", [False, True])
def test_an_array_that_holds_no_number_is_named(integers: bool, network: PercepNet, tmp_path: Path,
                                                capfd: pytest.CaptureFixture[str]) -> None:
    """Of either graph, also one that the first frames do not need; and one of another shape."""
    path, refused = tmp_path / "weights.onnx", []
    write(network, path, {}, integers=integers)
    file = path.read_bytes()
    arrays = [(tensor.name, onnx.numpy_helper.to_array(tensor))
              for tensor in onnx.load_model_from_string(file).graph.initializer]
    assert respelt(file, lambda _: None) == file
    for number, (name, array) in enumerate(arrays):
        if array.dtype == np.float32:
            refused.append((number, np.where(np.arange(array.size).reshape(array.shape) == 0,
                                             np.array(np.nan if number % 2 else np.inf, np.float32),
                                             array), f"numbers in its array '{name}'; give the"))
        if array.ndim == 2 and array.shape[0] != array.shape[1]:
            refused.append((number, array.T, "no network of PercepNet: "))
    assert len(refused) > 15
    for number, spoilt, message in refused:
        path.write_bytes(respelt(file, lambda given, at=number, new=spoilt: given[at].CopyFrom(
            onnx.numpy_helper.from_array(new, given[at].name))))
        with pytest.raises(ConfigError) as error:
            Runtime(path)
        assert str(path) in str(error.value) and message in str(error.value)
        assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("size", [0, 1, 1 << 33])
def test_a_file_that_can_be_no_network_is_refused_unread(size: int, tmp_path: Path) -> None:
    (tmp_path / "weights.onnx").write_bytes(b"")
    os.truncate(tmp_path / "weights.onnx", size)
    with pytest.raises(ConfigError, match=r"weights\.onnx: no network of PercepNet; give the"):
        Enhancer(tmp_path / "weights.onnx")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none"):
        Runtime(tmp_path / "none.onnx")


@pytest.mark.parametrize(("at", "size"), [(0, FEATURES - 1), (1, "frames")])
def test_a_network_of_another_kind_is_refused(at: int, size: int | str, network: PercepNet,
                                              tmp_path: Path) -> None:
    path = tmp_path / "weights.onnx"
    write(network, path, {})
    model = onnx.load(path)
    row = model.graph.input[at].type.tensor_type.shape.dim[1]
    setattr(row, "dim_value" if isinstance(size, int) else "dim_param", size)
    onnx.save(model, path)
    with pytest.raises(ConfigError, match=r"weights\.onnx: .*file of a trained one"):
        Runtime(path)
