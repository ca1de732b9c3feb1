"""`ft ablate`: which techniques pay."""
