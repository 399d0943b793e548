"""Writes the tokenizer that a model's GGUF file carries as a `tokenizer.json` of Hugging Face's format.

    tokenizer.py model.gguf tokenizer.json

So that Squall counts tokens as the server does. For vocabularies of SentencePiece's BPE, as Gemma's and Llama 2's
are: the file has each token's score and no list of merges, so a token that two others make up is a merge of them, the
best score first. (The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.)
"""

import json
import struct
import sys
from pathlib import Path

CONTROL, USER_DEFINED = 3, 4
STRING, ARRAY = 8, 9
# By the number of a type: its code for `struct`.
NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


class Reader:
    """The values of a GGUF file, one after the other."""

    def __init__(self, file):
        self.file = file

    def number(self, code):
        return struct.unpack("<" + code, self.file.read(struct.calcsize("<" + code)))[0]

    def text(self):
        return self.file.read(self.number("Q")).decode("utf-8", "surrogateescape")

    def value(self, kind):
        if kind == STRING:
            return self.text()
        if kind != ARRAY:
            return self.number(NUMBERS[kind])
        kind, length = self.number("I"), self.number("Q")
        if kind in NUMBERS:
            code = f"<{length}{NUMBERS[kind]}"
            return list(struct.unpack(code, self.file.read(struct.calcsize(code))))
        return [self.value(kind) for _ in range(length)]

    def metadata(self):
        if self.file.read(4) != b"GGUF":
            sys.exit("tokenizer.py: that is no GGUF file")
        self.number("I"), self.number("Q")  # The version, and how many tensors follow.
        return {self.text(): self.value(self.number("I")) for _ in range(self.number("Q"))}


def merges(vocabulary, scores):
    """Every pair of tokens that makes a token, as it is merged: by the score of what they make."""
    found = []
    for token, number in vocabulary.items():
        for at in range(1, len(token)):
            if token[:at] in vocabulary and token[at:] in vocabulary:
                found.append((-scores[number], number, [token[:at], token[at:]]))
    found.sort(key=lambda merge: merge[:2])
    return [pair for *_, pair in found]


def tokenizer(metadata):
    model = metadata["tokenizer.ggml.model"]
    if model != "llama":
        sys.exit(f"tokenizer.py: the vocabulary is of the kind `{model}`, not SentencePiece's BPE")
    tokens, kinds = metadata["tokenizer.ggml.tokens"], metadata["tokenizer.ggml.token_type"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    plain = {token: number for token, number in vocabulary.items() if kinds[number] != CONTROL}
    added = [
        {
            "id": number, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": kinds[number] == CONTROL,
        }
        for token, number in vocabulary.items()
        if kinds[number] in (CONTROL, USER_DEFINED) and "\u2581" not in token
    ]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
        "pre_tokenizer": None, "post_processor": None, "decoder": None,
        "model": {
            "type": "BPE", "dropout": None, "unk_token": tokens[metadata["tokenizer.ggml.unknown_token_id"]],
            "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": True,
            "byte_fallback": True, "ignore_merges": False, "vocab": vocabulary,
            "merges": merges(plain, metadata["tokenizer.ggml.scores"]),
        },
    }


def main():
    source, target = map(Path, sys.argv[1:])
    with source.open("rb") as file:
        metadata = Reader(file).metadata()
    target.write_text(json.dumps(tokenizer(metadata), ensure_ascii=False, separators=(",", ":")))


if __name__ == "__main__":
    main()
