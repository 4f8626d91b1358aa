"""The callback on modules that are not ours: a plain one, and GPT-2 of transformers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from partimento.doctor import DoctorCallback

RATE = {"R7.peak-too-high", "R3.update-ratio"}


class Plain(lightning.LightningModule):
    """As anybody writes one; nothing of ours in it."""

    def __init__(self, lr: float) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(
            nn.Linear(8, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 32), nn.ReLU(),
            nn.Linear(32, 2),
        )  # fmt: skip

    def training_step(self, batch: list[Tensor], index: int) -> Tensor:
        x, y = batch
        return nn.functional.mse_loss(self.net(x), y)

    def validation_step(self, batch: list[Tensor], index: int) -> None:
        x, y = batch
        self.log("val_loss", nn.functional.mse_loss(self.net(x), y))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.hparams["lr"])


def loader(seed: int, count: int = 256) -> DataLoader[Any]:
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 8, generator=g)
    y = torch.tanh(x[:, :2] + x[:, 2:4]) + 0.1 * torch.randn(count, 2, generator=g)
    return DataLoader(TensorDataset(x, y), batch_size=16)


def fit(
    module: lightning.LightningModule, callback: DoctorCallback | None, data: Any, *,
    epochs: int = 10, valid: Any = None, folder: Path, **options: Any,
) -> None:  # fmt: skip
    trainer = lightning.Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=folder,
        num_sanity_val_steps=0, callbacks=[callback] if callback else [], **options,
    )  # fmt: skip
    trainer.fit(module, data, valid)


def plain(lr: float, seed: int = 0) -> Plain:
    torch.manual_seed(seed)
    return Plain(lr)


@pytest.mark.filterwarnings("ignore")
def test_a_sick_module_and_its_healthy_twin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sick = DoctorCallback(every=10, out=tmp_path / "sick")
    fit(plain(2.0), sick, loader(1), valid=loader(2, 64), folder=tmp_path)
    assert sick.examination is not None and sick.examination.exit_code == 1
    codes = [finding.code for finding in sick.examination.findings]
    # The rate itself, and what it does to the weights, before anything that comes of it.
    assert set(codes[:2]) == RATE
    first = sick.examination.findings[codes.index("R3.update-ratio")]
    assert first.evidence["change"]["module.lr"] < 0.5  # as the module calls it
    written = json.loads((tmp_path / "sick" / "findings.json").read_text(encoding="utf-8"))
    assert written["first"] in RATE
    assert "R3.update-ratio" in (tmp_path / "sick" / "doctor.html").read_text(encoding="utf-8")
    assert "R3.update-ratio" in capsys.readouterr().out
    healthy = DoctorCallback(every=10, quiet=True)
    fit(plain(2e-3), healthy, loader(1), valid=loader(2, 64), folder=tmp_path)
    assert healthy.examination is not None
    assert [f.code for f in healthy.examination.findings if f.severity != "info"] == []
    assert capsys.readouterr().out == ""


@pytest.mark.filterwarnings("ignore")
def test_the_callback_changes_no_weight_and_steps_are_those_of_the_optimiser(
    tmp_path: Path,
) -> None:
    states, callback = [], DoctorCallback(every=2, quiet=True)
    for one in (callback, None):
        module = plain(1e-2)
        torch.manual_seed(7)
        fit(module, one, loader(1), epochs=2, folder=tmp_path, accumulate_grad_batches=4,
            gradient_clip_val=0.1)  # fmt: skip
        states.append(module.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert callback.case is not None and callback.case.watched is not None
    assert callback.case.watched.steps_S.tolist() == [0, 2, 4, 6]  # 16 batches, 4 to a step, twice
    assert callback.case.config["training"]["clip"] == 0.1


@pytest.mark.filterwarnings("ignore")
def test_a_training_that_breaks_is_examined(tmp_path: Path) -> None:
    class Breaking(Plain):
        def training_step(self, batch: list[Tensor], index: int) -> Tensor:
            if self.global_step == 9:
                raise RuntimeError("broken")
            return super().training_step(batch, index)

    callback = DoctorCallback(every=2, quiet=True)
    with pytest.raises(RuntimeError, match="broken"):
        fit(Breaking(1e-3), callback, loader(1), folder=tmp_path)
    assert callback.examination is not None and callback.case is not None
    assert len(callback.case.rows) == 9
    assert not any(m._forward_hooks for m in Breaking(1e-3).modules())


def tokens(count: int = 64) -> Tensor:
    g = torch.Generator().manual_seed(3)
    start = torch.randint(0, 20, (count, 1), generator=g)
    stride = torch.randint(1, 4, (count, 1), generator=g)
    return (start + stride * torch.arange(16)) % 20


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("lr", "sick"), [(3e-3, False), (1.0, True)])
def test_gpt2_with_the_callback(tmp_path: Path, lr: float, sick: bool) -> None:
    transformers = pytest.importorskip("transformers")

    class Wrapped(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.model = transformers.GPT2LMHeadModel(
                transformers.GPT2Config(
                    vocab_size=20, n_positions=16, n_embd=32, n_layer=2, n_head=2
                )
            )

        def training_step(self, batch: Tensor, index: int) -> Tensor:
            return self.model(input_ids=batch, labels=batch).loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(self.parameters(), lr=lr)

    # Without the number of steps: so small a run has few of them, sick or not.
    settings = {"training": {"optimizer": {"lr": lr}}}
    callback = DoctorCallback(every=10, quiet=True, config=settings)
    data = DataLoader(tokens(), batch_size=16)
    fit(Wrapped(), callback, data, epochs=40, folder=tmp_path)
    assert callback.examination is not None
    found = [f.code for f in callback.examination.findings if f.severity != "info"]
    assert (set(found[:2]) if sick else set(found)) == (RATE if sick else set())
    assert callback.case is not None and callback.case.watched is not None
    blocks = list(callback.case.watched.blocks)
    assert blocks[0].endswith("wte") and blocks[-1].endswith("ln_f")  # the head shares wte's table


def test_without_lightning_the_extra_is_named() -> None:
    program = (
        "import sys; sys.modules['lightning'] = None\n"
        "from partimento.core.errors import MissingExtraError\n"
        "try:\n    from partimento.doctor import DoctorCallback\n"
        "except MissingExtraError as error:\n    print(error.text)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    assert "partimento[train]" in ended.stdout
