"""What a score looks and sounds like: engraving, sound, charts and the page that holds them."""
