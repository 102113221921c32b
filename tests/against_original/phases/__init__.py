"""The way from the original to ours, phase by phase, with the processes of each phase side by side on one Redis."""
