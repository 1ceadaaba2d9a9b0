"""Data: controlled stories, corpora, and the formats that training reads."""
