"""The Python parts of run_interactive.sh: the embedded model, downloads, Slurm, several GPUs, checkpoints."""
