"""Training a network by gradient descent."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_musiclime._runtime.progress import tqdm

if TYPE_CHECKING:
    import torch

    from sklearn_musiclime.fusion.network import FusionNetwork

WARM_UP = 0.1
"""Fraction of the steps in which the learning rate rises linearly; then it falls linearly to 0."""
MAX_NORM = 1.0
"""Largest norm of the gradient; longer gradients are clipped to it."""


@dataclass(frozen=True)
class Training:
    """Settings of a training run, which minimizes the weighted cross-entropy by AdamW.

    Attributes
    ----------
    n_epochs : int
        Largest number of passes over the songs.
    batch_size : int
        Number of songs in a step.
    learning_rate, head_learning_rate : float
        Peak learning rates of the encoders and of the classifier.
    weight_decay : float
        Weight decay of AdamW.
    patience : int or None
        Number of epochs without a lower validation loss after which training stops. None: all
        epochs are trained.
    mixed_precision : bool
        Whether forward passes use bfloat16.
    verbose : bool
        Whether a progress bar is shown.
    """

    n_epochs: int
    batch_size: int
    learning_rate: float
    head_learning_rate: float
    weight_decay: float
    patience: int | None
    mixed_precision: bool
    verbose: bool

    def run(
        self,
        network: FusionNetwork,
        features: Callable[[np.ndarray], tuple],
        targets: np.ndarray,
        weights: np.ndarray,
        rows: np.ndarray,
        held_out: np.ndarray,
        rng: np.random.RandomState,
    ) -> list[dict[str, float]]:
        """Train a network in place.

        With validation songs, the network ends with the weights of the epoch of the lowest
        validation loss.

        Parameters
        ----------
        network : FusionNetwork
            The network, on its device. Parameters that do not require gradients stay as they are.
        features : callable
            Maps an array of rows to the arguments of the network's classifier for these songs.
        targets : ndarray of shape (n_songs,) of int
            Class index of each song.
        weights : ndarray of shape (n_songs,)
            Weight of each song in the loss.
        rows, held_out : ndarray of int
            Rows of the training songs and of the validation songs, all of a weight above 0.
            `held_out` may be empty.
        rng : RandomState
            Random state that shuffles the training songs.

        Returns
        -------
        list of dict
            For each epoch its "loss" and, with validation songs, "validation_loss" and
            "validation_accuracy".
        """
        import torch

        optimizer = torch.optim.AdamW(self._parameters(network), weight_decay=self.weight_decay)
        n_steps = self.n_epochs * -(-len(rows) // self.batch_size)
        n_warm = max(round(WARM_UP * n_steps), 1)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer,
            lambda step: min((step + 1) / n_warm, (n_steps - step) / max(n_steps - n_warm, 1)),
        )
        history: list[dict[str, float]] = []
        best_loss, best_state, best_epoch = np.inf, None, 0
        for epoch in (bar := tqdm(range(self.n_epochs), "Training", disable=not self.verbose)):
            _train_mode(network)
            total = 0.0
            shuffled = rng.permutation(rows)
            for first in range(0, len(rows), self.batch_size):
                batch = shuffled[first : first + self.batch_size]
                loss, _ = self._loss(network, features, targets, weights, batch)
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), MAX_NORM)
                optimizer.step()
                schedule.step()
                total += float(loss.detach()) * weights[batch].sum()
            history.append({"loss": total / weights[rows].sum()})
            if len(held_out):
                history[-1] |= self._validate(network, features, targets, weights, held_out)
                if history[-1]["validation_loss"] < best_loss:
                    best_loss, best_epoch = history[-1]["validation_loss"], epoch
                    best_state = copy.deepcopy(network.state_dict())
            bar.set_postfix(history[-1])
            if self.patience is not None and epoch - best_epoch >= self.patience:
                break
        if best_state is not None:
            network.load_state_dict(best_state)
        network.eval()
        return history

    def _parameters(self, network: FusionNetwork) -> list[dict[str, Any]]:
        encoders = [p for model in network.encoders for p in model.parameters() if p.requires_grad]
        head = list(network.classifier.parameters())
        return [
            {"params": parameters, "lr": rate}
            for parameters, rate in (
                (encoders, self.learning_rate),
                (head, self.head_learning_rate),
            )
            if parameters
        ]

    def _loss(
        self,
        network: FusionNetwork,
        features: Callable[[np.ndarray], tuple],
        targets: np.ndarray,
        weights: np.ndarray,
        rows: np.ndarray,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the weighted mean loss of some songs, and their logits."""
        import torch

        device = network.device
        autocast = torch.autocast(device.type, torch.bfloat16)
        with autocast if self.mixed_precision else nullcontext():
            logits = network.classifier(*features(rows)).float()
        target = torch.from_numpy(targets[rows]).to(device)
        weight = torch.from_numpy(weights[rows]).to(device, torch.float32)
        losses = torch.nn.functional.cross_entropy(logits, target, reduction="none")
        return (losses * weight).sum() / weight.sum(), logits

    def _validate(
        self,
        network: FusionNetwork,
        features: Callable[[np.ndarray], tuple],
        targets: np.ndarray,
        weights: np.ndarray,
        rows: np.ndarray,
    ) -> dict[str, float]:
        import torch

        network.eval()
        total, n_right = 0.0, 0
        for first in range(0, len(rows), self.batch_size):
            batch = rows[first : first + self.batch_size]
            with torch.no_grad():
                loss, logits = self._loss(network, features, targets, weights, batch)
            total += float(loss) * weights[batch].sum()
            n_right += int((logits.argmax(dim=1).cpu().numpy() == targets[batch]).sum())
        return {
            "validation_loss": total / weights[rows].sum(),
            "validation_accuracy": n_right / len(rows),
        }


def _train_mode(network: FusionNetwork) -> None:
    """Put a network into training mode, except for frozen encoders, whose dropout stays off."""
    network.train()
    for model in network.encoders:
        model.train(any(p.requires_grad for p in model.parameters()))
