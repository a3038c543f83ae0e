#!/usr/bin/env bash
# Evaluate language models on reasoning tasks, over many seeds, with error bars on the results.
#
#   bash run_interactive.sh              installs what is missing, then runs what the variables below describe
#   bash run_interactive.sh my.conf      uses the variables in a file: a copy of the block below, or part of it
#   bash run_interactive.sh --dry-run    shows each command, and the number of completions and tokens at most
#   bash run_interactive.sh --slurm      submits the calls to a Slurm cluster; --slurm --status, --slurm --cancel
#   bash run_interactive.sh --prefetch   fetches models and data sets, for nodes without internet
#   bash run_interactive.sh --series run7 'ckpts/run7/checkpoint-*'    evaluates these checkpoints instead of MODELS
#   bash run_interactive.sh --watch 'ckpts/run7/checkpoint-*'          evaluates checkpoints as training writes them
#   bash run_interactive.sh --help       prints this text
#
# Variables in the environment override those in the file, and the file overrides the block. Lists are split at spaces:
#   SEEDS="0 1 2" TASK_SEEDS="aime24=0-31" bash run_interactive.sh my.conf
# docs/variables.md describes every variable.
#
# The script can be run again at any time: finished work is skipped, interrupted work continues where it stopped.
# Results are in OUTPUT_DIR/<model>/, the output of every command in OUTPUT_DIR/logs/.
# Exit codes: 0 done; 1 something failed, and is listed at the end; 2 a mistake in the variables; 130 interrupted.

if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
    echo "run_interactive: this is bash $BASH_VERSION; install bash 4.4 or newer (macOS: brew install bash)" >&2
    exit 2
fi
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$ROOT/evalsuite/shell/load.sh"
remember_environment

# ---- Variables: edit them here, or copy this block to a file and give it as the argument --------------------------
# The values evaluate a very small model on two small tasks, to try the suite. Comments give values for real work.

LOCAL_DIR="$ROOT"           # relative paths start here
OUTPUT_DIR="output"         # gets one folder per model, and logs/
DATA_DIR=""                 # a folder with <task>.jsonl or <task>.parquet files, which are used instead of the hub

# quick (for training curves), standard or paper (for tables): sets seeds, lengths and numbers of problems, in place of
# the values below that you have not changed. docs/training.md lists the values, and how precise the scores are.
PROFILE=""

# Each is a hub id (Qwen/Qwen3-4B), a folder, or NAME=either. Folders are compared by content: a copy is the same model.
# Checkpoints of a training run: run7@400=FOLDER for one, "run7@=ckpts/run7/checkpoint-*" for all, each with its step.
MODELS=("SmolLM2-135M-Instruct=models/SmolLM2-135M-Instruct")

# For real work: aime24 aime25 amc23 math_500 minerva olympiadbench gpqa:diamond gsm8k. Prompts: prompts.json.
TASKS=(demo_arithmetic demo_words)

# For real work: ten seeds (0-9) for AIME and AMC. One of their 30 or 40 problems is worth about 3 points, so a single
# seed says little; ten reduce that noise to a third. For tasks with hundreds of problems, three seeds are enough.
SEEDS=(0 1)
declare -A TASK_SEEDS=()    # ([aime24]=0-9 [math_500]=0-2): seeds of a task that differ from SEEDS

MAX_SAMPLES=""              # 100: at most that many problems per task, always the same; empty or "all": all

# For real work: the same, unless the model's card recommends others; give those in MODEL_ARGS. Never use 0 for a
# reasoning model, because greedy decoding makes many of them repeat themselves endlessly.
TEMPERATURES=(0.8)
TOP_PS=(0.9)

# For real work: 32768. A truncated chain of thought counts as wrong, so a smaller value lowers the score of models that
# think at length. The model length includes the prompt: leave room for it, or write () for the model's maximum.
MAX_NEW_TOKENS=(256)
MAX_MODEL_LENGTHS=(1024)
DTYPES=(bfloat16)           # the type that models are trained in; float32 is slower and closer to repeatable

declare -A MODEL_ARGS=()    # ([Qwen/Qwen3-4B]="--temperature 0.6 --top_p 0.95"): flags for one model; they override
                            # the lists above
USE_CHAT_TEMPLATE=1         # 0 for base models
EXTRA_ARGS=""               # further main.py flags for all models: --top_k 20 --system_prompt @file ...
                            # (main.py --help lists them)
ENGINE_ARGS=""              # further vLLM arguments: --rope-scaling ... --enable-expert-parallel

MAX_NUM_SEQUENCES=128       # requests that the engine processes in parallel; lower it if memory runs out
MAX_NUM_BATCHED_TOKENS=""   # tokens in one step of the engine; empty: vLLM's default
TENSOR_PARALLEL_SIZE=1      # GPUs that share each layer, for a model too large for one GPU
PIPELINE_PARALLEL_SIZE=1    # groups of GPUs among which the layers are divided
DATA_PARALLEL_SIZE=1        # complete copies of the model that run in parallel
NODES=1                     # with --slurm: machines over which these sizes are spread, for a model too large for one

DEVICE="auto"               # auto, cuda or cpu
BASE_URL=""                 # use this running OpenAI-compatible server instead of starting vLLM
ENGINE_PYTHON=""            # the Python of another environment, whose vLLM is used as the engine
PYTHON=""                   # the Python (3.11 or newer) from which set-up creates .venv; empty: found automatically
SETUP=1                     # 0: install nothing and use the current environment
SEEDS_PER_RUN="all"         # seeds and tasks of one main.py call: with "all", the model is loaded only once;
TASKS_PER_RUN="all"         # with 1 and 1, every experiment is a process of its own

GPUS=""                     # 8: as many models in parallel as fit on 8 GPUs; empty: one model after the other

# For --watch (docs/training.md). With WANDB_RUN_ID in the environment, the curves are sent to that W&B run.
WATCH_SETTLE=30             # seconds for which a checkpoint's files must not have changed
WATCH_ORDER="oldest"        # oldest or newest: which checkpoint is evaluated first
WATCH_TENSORBOARD=""        # a folder for the curves as TensorBoard events

# For --slurm (docs/cluster.md). Empty values are left to the cluster. A task gets the GPUs of its parallel sizes.
SLURM_PARTITION=""
SLURM_ACCOUNT=""
SLURM_TIME=""               # per task: 12:00:00; a task that needs longer is requeued and continues where it stopped
SLURM_MEM=""                # per task: 64G
SLURM_CPUS=""               # per task
SLURM_GRES="gpu"            # gpu:a100 requests that type
SLURM_MAX_PARALLEL=""       # number of tasks that run at the same time
SLURM_MAX_REQUEUES=20       # how often a task may be requeued before it counts as failed
SLURM_WARNING=120           # seconds before its time limit at which a task stops cleanly
SLURM_ANALYSIS_MEM=""       # memory of the analysis job
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
    # Not inside a function, where `declare -A` would create a local variable.
    # shellcheck source=/dev/null
    source "${CONF:-/dev/null}"
    after_conf
    main "$@"
fi
