"""Explain a classifier on top of Hugging Face models.

Needs ``pip install sklearn-musiclime[deep]``.

What one learns: an audio transformer and a sentence encoder can be steps of a pipeline, given by
name, by folder or as an instance. Each distinct perturbed audio and each distinct perturbed lyrics
is encoded once, so ``n_samples`` is the number of clips and of texts to encode. It can be a pair of
numbers, for example if one model is slower than the other.

What to expect: to avoid downloads, the models are made here and untrained. Their embeddings still
distinguish words, and the classifier on top of them learns which words matter: the song contains
"dream", one of the two words that the class depends on, and this word has the largest weight of all
words. Takes ten seconds: ``python -m sklearn_musiclime.examples.hugging_face``.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from sklearn_musiclime import (
    AudioEmbedder,
    LocalExplanation,
    LyricsEmbedder,
    MusicLimeExplainer,
    make_fusion_pipeline,
)
from sklearn_musiclime.datasets import make_songs


def save_models(folder: Path, texts: list[str]) -> tuple[Path, Path]:
    """Save a small, untrained AST and sentence encoder in the format of pretrained models."""
    from tokenizers import BertWordPieceTokenizer
    from transformers import (
        ASTConfig,
        ASTFeatureExtractor,
        ASTModel,
        BertConfig,
        BertModel,
        BertTokenizer,
        set_seed,
    )

    (folder / "lyrics").mkdir()
    set_seed(0)
    audio_config = ASTConfig(
        hidden_size=128,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        num_mel_bins=32,
        max_length=128,
    )
    ASTModel(audio_config).save_pretrained(folder / "audio")
    extractor = ASTFeatureExtractor(num_mel_bins=32, max_length=128)
    extractor.save_pretrained(folder / "audio")

    words = BertWordPieceTokenizer()
    words.train_from_iterator(texts, vocab_size=1000, show_progress=False)
    words.save_model(str(folder / "lyrics"))
    tokenizer = BertTokenizer.from_pretrained(folder / "lyrics", model_max_length=128)
    tokenizer.save_pretrained(folder / "lyrics")
    lyrics_config = BertConfig(
        hidden_size=128,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        vocab_size=len(tokenizer),
        max_position_embeddings=128,
    )
    BertModel(lyrics_config).save_pretrained(folder / "lyrics")
    return folder / "audio", folder / "lyrics"


def main() -> LocalExplanation:
    """Train a classifier on the vectors of two models, explain a song, return the explanation."""
    songs, moods, _, _ = make_songs(200, duration=1.0, random_state=0)
    with TemporaryDirectory() as folder:
        audio, lyrics = save_models(Path(folder), songs["lyrics"].tolist())
        model = make_fusion_pipeline(
            AudioEmbedder(audio),  # "MIT/ast-finetuned-audioset-10-10-0.4593"
            LyricsEmbedder(lyrics),  # "sentence-transformers/all-MiniLM-L6-v2"
            LogisticRegression(C=10.0, max_iter=2000),
            weights=(1.0, 1.0),  # the embeddings of both have similar lengths
        )
        model.fit(songs[:180], moods[:180])
        print(f"accuracy on songs it has not seen: {model.score(songs[180:], moods[180:]):.2f}\n")
        explainer = MusicLimeExplainer(
            FrozenEstimator(model),
            n_samples=(200, 300),  # masks of the audio, masks of the lyrics
            random_state=0,
        )
        explainer.fit(songs)
        explanation = explainer.explain(songs[184:185])[0]
    print(explanation, "\n")
    print(explanation.top(5, modality="lyrics")[["component", "weight", "std_err"]])
    return explanation


if __name__ == "__main__":
    main()
