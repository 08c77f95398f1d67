"""MusiCNN in torch, with the weights that its authors published.

The PyPI package musicnn holds them as TensorFlow checkpoints. Here a checkpoint is read without
TensorFlow, and the network is a model of transformers: :class:`~sklearn_musiclime.AudioEmbedder`
takes it as it takes an AST. This module imports torch, so the example imports it only where the
network is loaded.

References
----------
Pons, Serra, "musicnn: Pre-trained convolutional neural networks for music audio tagging",
arXiv 1909.06654.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO
from typing import Any

import librosa
import numpy as np
import torch
from torch import nn
from transformers import BatchFeature, PretrainedConfig, PreTrainedModel, SequenceFeatureExtractor
from transformers.modeling_outputs import BaseModelOutputWithPooling

SAMPLING_RATE, FRAME, HOP, N_MELS = 16000, 512, 256, 96
PATCH = 187
"""Number of frames that the network was trained on, three seconds."""
BATCH = 16
"""Number of patches in a forward pass, which takes 20 MB of memory for each."""
EPSILON = 1e-3  # TensorFlow's; torch has 1e-5
PARAMETERS = {
    "kernel": "weight",
    "gamma": "weight",
    "bias": "bias",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
"""Names of the parameters of a layer in TensorFlow, and in torch."""


class LogMel(SequenceFeatureExtractor):
    """Log-mel spectrograms of waveforms of equal length, the input of :class:`MusiCNN`."""

    model_input_names = ("input_values",)

    def __init__(self, **kwargs: Any):
        super().__init__(N_MELS, SAMPLING_RATE, 0.0, **kwargs)
        self.n_samples = (PATCH - 1) * HOP  # longest window of AudioEmbedder: a patch of frames

    def __call__(self, waveforms: Sequence[np.ndarray], **_: Any) -> BatchFeature:
        """Return spectrograms of shape (n_waveforms, n_frames, 96)."""
        power = librosa.feature.melspectrogram(
            y=np.stack(waveforms), sr=SAMPLING_RATE, n_fft=FRAME, hop_length=HOP, n_mels=N_MELS
        )
        # In 32 bits: in the package's own 16 bits loud music is infinite.
        log_mels = np.log10(10000 * power + 1).astype(np.float32).swapaxes(1, 2)
        return BatchFeature({"input_values": torch.from_numpy(log_mels)})


class MusiCNN(PreTrainedModel):
    """The network: filters as wide as timbres or as long as rhythms, then layers over time.

    The pooled output is the penultimate layer, 200 values. The last layer, :attr:`tags`, turns it
    into the logits of the tags.
    """

    config_class = PretrainedConfig
    main_input_name = "input_values"

    def __init__(self, config: PretrainedConfig):
        super().__init__(config)
        timbre = [nn.Conv2d(1, 204, (7, n_mels)) for n_mels in (38, 67)]
        rhythm = [nn.Conv2d(1, 51, (n_frames, 1)) for n_frames in (128, 64, 32)]
        over_time = [nn.Conv1d(n_inputs, 64, 7, padding=3) for n_inputs in (561, 64, 64)]
        self.normalize = nn.BatchNorm2d(1, EPSILON)
        self.front = nn.ModuleList(
            nn.Sequential(
                _same_length(filters),
                filters,
                nn.ReLU(),
                nn.BatchNorm2d(filters.out_channels, EPSILON),
            )
            for filters in [*timbre, *rhythm]
        )
        self.middle = nn.ModuleList(
            nn.Sequential(filters, nn.ReLU(), nn.BatchNorm1d(64, EPSILON)) for filters in over_time
        )
        self.embed = nn.Sequential(
            nn.BatchNorm1d(1506, EPSILON),
            nn.Linear(1506, 200),
            nn.ReLU(),
            nn.BatchNorm1d(200, EPSILON),
        )
        self.tag_names = list((config.id2label or {}).values())
        self.tags = nn.Linear(200, len(self.tag_names))
        self.post_init()

    def forward(self, input_values: torch.Tensor) -> BaseModelOutputWithPooling:
        """Embed spectrograms (n_songs, n_frames, 96)."""
        spectrograms = self.normalize(input_values.unsqueeze(1))
        front = torch.cat([block(spectrograms).amax(dim=3) for block in self.front], dim=1)
        first, second, third = self.middle
        one = first(front)
        two = one + second(one)
        three = two + third(two)
        layers = torch.cat([front, one, two, three], dim=1)
        pooled = torch.stack([layers.amax(dim=2), layers.mean(dim=2)], dim=2)
        return BaseModelOutputWithPooling(
            last_hidden_state=layers.transpose(1, 2),
            pooler_output=self.embed(pooled.flatten(1)),  # maximum and mean of a channel in turn
        )

    @torch.inference_mode()
    def probabilities(self, waveform: np.ndarray) -> np.ndarray:
        """Tag a song: the mean over its patches of three seconds, as in the original.

        What is left at the end, less than a patch, is not heard, unless it is the whole song.
        """
        (spectrogram,) = LogMel()([waveform])["input_values"]
        n_patches = max(len(spectrogram) // PATCH, 1)
        patches = spectrogram[: n_patches * PATCH].reshape(n_patches, -1, N_MELS)
        embedded = [self(part.to(self.device)).pooler_output for part in patches.split(BATCH)]
        return self.tags(torch.cat(embedded)).sigmoid().mean(dim=0).cpu().numpy()


def _same_length(filters: nn.Conv2d) -> nn.ZeroPad2d:
    """Pad with silence so that there are as many frames behind filters as before them."""
    n_frames = filters.kernel_size[0]
    return nn.ZeroPad2d((0, 0, (n_frames - 1) // 2, n_frames // 2))


def load_musicnn(trained_on: str = "MSD") -> MusiCNN:
    """Load the network that was trained on the Million Song Dataset or on MagnaTagATune ("MTT")."""
    try:
        from musicnn import configuration
    except ImportError as error:
        raise ImportError(
            f"the weights of MusiCNN are missing: pip install --no-deps musicnn==0.1.0 ({error})"
        ) from error
    tags = getattr(configuration, f"{trained_on}_LABELS")
    network = MusiCNN(PretrainedConfig(id2label=dict(enumerate(tags))))
    variables = read_checkpoint(files("musicnn") / f"{trained_on}_musicnn")
    # TensorFlow numbers the layers of a kind in the order in which they are made.
    kinds = {
        "conv2d": (nn.Conv1d, nn.Conv2d),
        "batch_normalization": (nn.BatchNorm1d, nn.BatchNorm2d),
        "dense": (nn.Linear,),
    }
    for kind, types in kinds.items():
        layers = [layer for layer in network.modules() if isinstance(layer, types)]
        for number, layer in enumerate(layers):
            prefix = f"{kind}_{number}/" if number else f"{kind}/"
            layer.load_state_dict(
                {
                    parameter: torch.tensor(_as_torch(variables[prefix + name], layer))
                    for name, parameter in PARAMETERS.items()
                    if prefix + name in variables
                }
            )
    return network.eval()


def _as_torch(values: np.ndarray, layer: nn.Module) -> np.ndarray:
    """Turn the axes of a kernel, (*frames and mels*, inputs, outputs), into torch's order."""
    if isinstance(layer, nn.Conv1d) and values.ndim > 1:
        return values.T[:, 0]  # over all inputs at once, as if they were mels
    if isinstance(layer, nn.Conv2d) and values.ndim > 1:
        return values.T.swapaxes(2, 3)
    return values.T


def read_checkpoint(folder: Traversable) -> dict[str, np.ndarray]:
    """Read the variables of a TensorFlow checkpoint, all of them 32-bit floats.

    The index is a table as LevelDB writes it: blocks of keys and values, of which the last tells
    where the others are, and a footer that tells where the last one is. Its keys are the names of
    the variables. Its values are messages of Protocol Buffers (``BundleEntryProto``): field 2 is
    the shape, and fields 4 and 5 are the place and the size of the numbers in the data file.
    """
    index = folder.joinpath(".index").read_bytes()
    data = folder.joinpath(".data-00000-of-00001").read_bytes()
    footer = BytesIO(index[-48:])
    _, _, start, size = (_varint(footer) for _ in range(4))
    variables = {}
    for _, place in _block(index, start, size):
        handle = BytesIO(place)
        for key, value in _block(index, _varint(handle), _varint(handle)):
            entry = _message(value)
            if key:  # the entry without a name is about the file
                shape = [_message(axis)[1][0] for axis in _message(entry[2][0]).get(2, [])]
                (first,), (n_bytes,) = entry.get(4, [0]), entry[5]
                numbers = np.frombuffer(data[first : first + n_bytes], dtype="<f4")
                variables[key.decode()] = numbers.reshape(shape)
    return variables


def _block(index: bytes, start: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Read the keys and values of a block; a key shares its beginning with the one before it."""
    block = index[start : start + size]
    n_restarts = int.from_bytes(block[-4:], "little")  # places to start a search, at the end
    stream, end = BytesIO(block), size - 4 * (n_restarts + 1)
    key = b""
    while stream.tell() < end:
        n_shared, n_new, n_value = (_varint(stream) for _ in range(3))
        key = key[:n_shared] + stream.read(n_new)
        yield key, stream.read(n_value)


def _message(encoded: bytes) -> dict[int, list[Any]]:
    """Read the fields of a message of Protocol Buffers, by number: integers, or bytes."""
    stream = BytesIO(encoded)
    fields = defaultdict[int, list[Any]](list)
    while stream.tell() < len(encoded):
        number, kind = divmod(_varint(stream), 8)
        if kind == 0:
            fields[number].append(_varint(stream))
        else:  # 2: a length and as many bytes; 5: four bytes
            fields[number].append(stream.read(_varint(stream) if kind == 2 else 4))
    return fields


def _varint(stream: BytesIO) -> int:
    """Read an integer of seven bits a byte, the lowest first; all bytes but the last are marked."""
    value = shift = 0
    while True:
        (byte,) = stream.read(1)
        value |= (byte & 127) << shift
        if byte < 128:
            return value
        shift += 7
