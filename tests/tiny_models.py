"""Transformers without training and of next to no size, saved as the real ones are."""

import numpy as np
from tokenizers import ByteLevelBPETokenizer
from transformers import (
    ASTConfig,
    ASTFeatureExtractor,
    ASTModel,
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    ClapProcessor,
    HubertConfig,
    HubertModel,
    RobertaConfig,
    RobertaModel,
    RobertaTokenizerFast,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2Model,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperModel,
    set_seed,
)

from sklearn_musiclime.datasets.synthetic import _CUES, _FILLERS

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "hidden_dropout_prob": 0.0,
}
CONVOLUTIONS = {"conv_dim": (16, 16, 16), "conv_stride": (10, 8, 4), "conv_kernel": (20, 16, 8)}


def ast(folder, max_length=128, num_mel_bins=64, **config):
    set_seed(0)
    mels = {"max_length": max_length, "num_mel_bins": num_mel_bins}
    ASTModel(ASTConfig(**(SMALL | mels | config))).save_pretrained(folder)
    ASTFeatureExtractor(**mels).save_pretrained(folder)
    return folder


def wav2vec2(folder, kind="wav2vec2"):
    set_seed(0)
    config_class, model_class = {
        "wav2vec2": (Wav2Vec2Config, Wav2Vec2Model),
        "hubert": (HubertConfig, HubertModel),
    }[kind]
    positions = {"num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2}
    more = {"num_feat_extract_layers": 3} | CONVOLUTIONS | positions
    model_class(config_class(**SMALL, **more)).save_pretrained(folder)
    Wav2Vec2FeatureExtractor().save_pretrained(folder)
    return folder


def clap(folder, fusion=False, with_texts=False):
    set_seed(0)
    audio = {
        "spec_size": 64,
        "num_mel_bins": 16,
        "patch_size": 4,
        "patch_stride": [4, 4],
        "patch_embeds_hidden_size": 16,
        "hidden_size": 32,
        "depths": [1, 1],
        "num_attention_heads": [2, 2],
        "window_size": 4,
        "enable_fusion": fusion,
        "num_classes": 4,
        "projection_dim": 24,
    }
    text = SMALL | {"vocab_size": 100, "projection_dim": 24}
    if with_texts:
        words = tokenizer(folder, 32)
        text |= {"vocab_size": len(words), "max_position_embeddings": 34, "pad_token_id": 1}
    config = ClapConfig(text_config=text, audio_config=audio, projection_dim=24)
    ClapModel(config).save_pretrained(folder)
    extractor = ClapFeatureExtractor(
        feature_size=16, max_length_s=2, truncation="fusion" if fusion else "rand_trunc"
    )
    extractor.save_pretrained(folder)
    if with_texts:
        ClapProcessor(extractor, words).save_pretrained(folder)
    return folder


def whisper(folder):
    set_seed(0)
    config = WhisperConfig(
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        vocab_size=50,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
        num_mel_bins=20,
        max_source_positions=100,
    )
    WhisperModel(config).save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=20, chunk_length=2).save_pretrained(folder)
    return folder


def tokenizer(folder, max_tokens):
    """A tokenizer of the words of the made songs."""
    marks = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained = ByteLevelBPETokenizer()
    known = [*_CUES, *_FILLERS]
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.permutation(known)) for _ in range(20)]
    trained.train_from_iterator(texts, vocab_size=500, special_tokens=marks, show_progress=False)
    trained.save_model(str(folder))
    return RobertaTokenizerFast.from_pretrained(folder, model_max_length=max_tokens)


def roberta(folder, max_tokens=128, **config):
    set_seed(0)
    words = tokenizer(folder, max_tokens)
    words.save_pretrained(folder)
    positions = {"max_position_embeddings": max_tokens + 2, "type_vocab_size": 1}
    sizes = SMALL | {"vocab_size": len(words), "attention_probs_dropout_prob": 0.0} | positions
    RobertaModel(RobertaConfig(**sizes, **config)).save_pretrained(folder)
    return folder
