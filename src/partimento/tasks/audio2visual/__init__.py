"""Audio to visual: a sound finds its place in text space and becomes a picture."""
