#!/usr/bin/env bash
# Evaluate language models on reasoning tasks, over many seeds, and put error bars on the result.
#
#   bash run_interactive.sh              sets up what is missing, then runs what the variables below say
#   bash run_interactive.sh my.conf      the same with the variables of a file: a copy of the block below, or part of it
#   bash run_interactive.sh --dry-run    shows each command, and how many completions and tokens it can cost
#   bash run_interactive.sh --slurm      submits the same to a Slurm cluster; --slurm --status, --slurm --cancel
#   bash run_interactive.sh --prefetch   fetches models and data sets, for nodes without internet
#   bash run_interactive.sh --series run7 'ckpts/run7/checkpoint-*'    these checkpoints instead of MODELS
#   bash run_interactive.sh --watch 'ckpts/run7/checkpoint-*'          the same as they appear, while the run is trained
#   bash run_interactive.sh --help       this text
#
# A variable given in the environment wins over the file, and the file over the block; lists are split at spaces:
#   SEEDS="0 1 2" TASK_SEEDS="aime24=0-31" bash run_interactive.sh my.conf
# docs/variables.md says what each variable does.
#
# Run it again whenever you like: what is finished is skipped, what was cut short goes on where it stopped.
# Results are in OUTPUT_DIR/<model>/, the output of every command in OUTPUT_DIR/logs/.
# Exit code: 0 all is done; 1 something failed, named at the end; 2 a mistake in the variables; 130 interrupted.

if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
    echo "run_interactive: this is bash $BASH_VERSION; install bash 4.4 or newer (macOS: brew install bash)" >&2
    exit 2
fi
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$ROOT/evalsuite/shell/load.sh"
remember_environment

# ---- Variables: edit them here, or copy this block to a file and give it as the argument --------------------------
# The values evaluate a very small model on two small tasks, to see the suite work. Comments give those for real work.

LOCAL_DIR="$ROOT"           # relative paths start here
OUTPUT_DIR="output"         # one folder per model, and logs/
DATA_DIR=""                 # a folder with <task>.jsonl or <task>.parquet, used before the hub; for machines without internet

# quick for training curves, standard, paper for tables: seeds, lengths and numbers of problems for the purpose, in place
# of the values below that are still as they came. docs/training.md has the values, and how sure each makes a score.
PROFILE=""

# Each a hub id (Qwen/Qwen3-4B), a folder, or NAME=either. Folders are compared by content: a copy is the same model.
# Checkpoints of one training run: run7@400=FOLDER, or "run7@=ckpts/run7/checkpoint-*" for all, each with its own step.
MODELS=("SmolLM2-135M-Instruct=models/SmolLM2-135M-Instruct")

# For real work: aime24 aime25 amc23 math_500 minerva olympiadbench gpqa:diamond gsm8k. Prompts: prompts.json.
TASKS=(demo_arithmetic demo_words)

# For real work: ten seeds (0-9) for AIME and AMC. One of their 30 or 40 problems is worth about 3 points, so that a
# single seed says little; ten cut that noise to a third. Sets of hundreds of problems average by themselves: three do.
SEEDS=(0 1)
declare -A TASK_SEEDS=()    # ([aime24]=0-9 [math_500]=0-2): the seeds of a task where they differ from SEEDS

MAX_SAMPLES=""              # 100: only so many problems of a task, a fixed choice; empty or "all": all

# For real work the same, unless the model's card names others: then those, in MODEL_ARGS. Never 0 for a reasoning
# model: greedy decoding makes many of them repeat themselves without end.
TEMPERATURES=(0.8)
TOP_PS=(0.9)

# For real work 32768: a chain of thought that is cut off counts as wrong, so less lowers the score of a model that
# thinks at length. The model length holds the prompt too: leave it some room, or empty () for the model's own.
MAX_NEW_TOKENS=(256)
MAX_MODEL_LENGTHS=(1024)
DTYPES=(bfloat16)           # what models are trained in; float32 is slower and closer to repeatable

declare -A MODEL_ARGS=()    # ([Qwen/Qwen3-4B]="--temperature 0.6 --top_p 0.95"): main.py flags of one model; they win
USE_CHAT_TEMPLATE=1         # 0 for base models
EXTRA_ARGS=""               # further main.py flags for all models: --top_k 20 --system_prompt @file ...
                            # (main.py --help shows all)
ENGINE_ARGS=""              # further vLLM arguments: --rope-scaling ... --enable-expert-parallel

MAX_NUM_SEQUENCES=128       # requests the engine works on at once; lower it when memory is short
MAX_NUM_BATCHED_TOKENS=""   # tokens in one step of the engine; empty leaves it to vLLM
TENSOR_PARALLEL_SIZE=1      # GPUs that share each layer: for a model too large for one GPU
PIPELINE_PARALLEL_SIZE=1    # groups of GPUs that share the layers
DATA_PARALLEL_SIZE=1        # whole copies of the model side by side
NODES=1                     # machines over which these sizes are spread, with --slurm: for a model too large for one

DEVICE="auto"               # auto, cuda or cpu
BASE_URL=""                 # a running OpenAI-compatible server to ask instead of starting vLLM
ENGINE_PYTHON=""            # the Python of another environment whose vLLM serves
PYTHON=""                   # the Python, 3.11 or newer, that set-up starts from; empty looks for one
SETUP=1                     # 0 installs nothing and uses the current environment
SEEDS_PER_RUN="all"         # seeds and tasks of one main.py call: "all" loads a model once for everything;
TASKS_PER_RUN="all"         # 1 and 1 is a process per experiment

GPUS=""                     # 8: as many models at once as fit, each on the GPUs of its parallel sizes; empty: one by one

# For --watch (docs/training.md); with WANDB_RUN_ID in the environment the curves go to that W&B run.
WATCH_SETTLE=30             # seconds for which a checkpoint's files must not have changed
WATCH_ORDER="oldest"        # or newest: which checkpoint comes first
WATCH_TENSORBOARD=""        # a folder for the curves as TensorBoard events

# For --slurm (docs/cluster.md); what is empty is left to the cluster. A task gets the GPUs of its parallel sizes.
SLURM_PARTITION=""
SLURM_ACCOUNT=""
SLURM_TIME=""               # of a task: 12:00:00; one that needs longer is queued again and goes on where it was
SLURM_MEM=""                # of a task: 64G
SLURM_CPUS=""               # of a task
SLURM_GRES="gpu"            # gpu:a100 asks for that kind
SLURM_MAX_PARALLEL=""       # tasks at a time
SLURM_MAX_REQUEUES=20       # how often a task may be queued again before it counts as failed
SLURM_WARNING=120           # seconds before the end of its time at which a task stops cleanly
SLURM_ANALYSIS_MEM=""       # of the analysis job
SLURM_ARGS=""               # further options of sbatch: --qos normal --constraint h100
# ---- End of the variables ------------------------------------------------------------------------------------------

main() {
    cd "$LOCAL_DIR" || die "LOCAL_DIR must be a folder"
    expand_series
    check_variables
    run_mode
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    read_arguments "$@"
    before_conf
    # Not inside a function, where `declare -A` would make a local variable.
    # shellcheck source=/dev/null
    source "${CONF:-/dev/null}"
    after_conf
    main "$@"
fi
