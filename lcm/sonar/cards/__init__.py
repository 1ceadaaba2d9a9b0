"""Asset cards, weights and tokenizers of the spaces that ship with this package, found by fairseq2."""
