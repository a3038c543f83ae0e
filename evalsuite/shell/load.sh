# The parts of run_interactive.sh, each a topic. ROOT is the suite's folder.
# shellcheck shell=bash
source "$ROOT/evalsuite/shell/messages.sh"
source "$ROOT/evalsuite/shell/variables.sh"
source "$ROOT/evalsuite/shell/conf.sh"
source "$ROOT/evalsuite/shell/seeds.sh"
source "$ROOT/evalsuite/shell/models.sh"
source "$ROOT/evalsuite/shell/calls.sh"
source "$ROOT/evalsuite/shell/jobs.sh"
source "$ROOT/evalsuite/shell/setup.sh"
source "$ROOT/evalsuite/shell/install.sh"
source "$ROOT/evalsuite/shell/machine.sh"
source "$ROOT/evalsuite/shell/results.sh"
source "$ROOT/evalsuite/shell/modes.sh"
