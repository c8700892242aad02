"""Records set aside: the clipboard, collections and My Bibliography."""
