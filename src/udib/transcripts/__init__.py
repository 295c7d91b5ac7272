"""Words and times out of captions, transcripts and sound."""
