"""What was asked, and the main job that answers it: from a study to a result."""
