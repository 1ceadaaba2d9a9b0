"""What the tiny space of these tests is trained on."""

LANGUAGES = ["eng_Latn", "fra_Latn"]
SENTENCES = [
    f"The {size} {animal} {deed} {place}."
    for size in ("old", "tiny", "clever")
    for animal in ("fox", "owl", "bear", "hedgehog")
    for deed in ("sleeps", "is looking for honey", "tells a long story")
    for place in ("by the river", "under the great oak tree")
]
