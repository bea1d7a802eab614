"""The claims of the poster, trained and tested."""
