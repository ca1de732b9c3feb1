"""`ft drift`: whether new texts are like those that a run knows, before they have labels."""
