"""What a transcript means: claims, fallacy hints, debate, contradictions, chapters, summary. Pure."""
