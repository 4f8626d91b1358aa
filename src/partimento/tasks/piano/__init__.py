"""Piano: performances continued, filled in, varied, dreamt up; the Music Transformer."""
