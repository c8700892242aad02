"""Records of the literature, the quantities they state, and how both are cited and covered."""
