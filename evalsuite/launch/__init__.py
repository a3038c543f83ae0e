"""What run_interactive.sh calls besides main.py: set-up of the embedded model, downloads, Slurm, GPUs, checkpoints."""
