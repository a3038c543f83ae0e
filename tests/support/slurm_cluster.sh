#!/usr/bin/env bash
# A real Slurm on this machine's loopback, without systemd: one controller, several nodes with pretended GPUs.
#
#   bash tests/support/slurm_cluster.sh up FOLDER      start; then: export SLURM_CONF=FOLDER/slurm.conf
#   bash tests/support/slurm_cluster.sh down FOLDER    cancel everything in it and stop it
#
# Everything it writes is in FOLDER. NODES, CPUS, GPUS (of a node) and PORT may be set in the environment.
set -euo pipefail

NODES=${NODES:-4} CPUS=${CPUS:-2} GPUS=${GPUS:-2} PORT=${PORT:-27817}

main() {
    [[ $# == 2 && $1 =~ ^(up|down)$ ]] || { sed -n '4,7s/^# *//p' "$0" >&2 && exit 2; }
    mkdir -p "$2"
    FOLDER=$(cd "$2" && pwd)
    export SLURM_CONF=$FOLDER/slurm.conf
    "$1"
}

up() {
    mkdir -p "$FOLDER"/{run,log,state,spool}
    chmod 755 "$FOLDER"
    pretend_gpus
    controller_conf >"$SLURM_CONF"
    node_conf >>"$SLURM_CONF"
    printf 'CgroupPlugin=cgroup/v1\n' >"$FOLDER/cgroup.conf"
    if ! { start_daemons && await_idle; }; then
        tail -n 12 "$FOLDER"/log/* >&2
        down
        exit 1
    fi
}

# Slurm wants a character device for each GPU; null devices do. Without root there are the terminals.
pretend_gpus() {
    local number device=$FOLDER/run/gpu
    for ((number = 0; number < GPUS; number++)); do
        [[ -e $device$number ]] || mknod "$device$number" c 1 3 2>/dev/null || device=/dev/tty
    done
    printf 'NodeName=%s Name=gpu Flags=nvidia_gpu_env File=%s[0-%d]\n' "$(all_nodes)" "$device" $((GPUS - 1)) \
        >"$FOLDER/gres.conf"
}

all_nodes() { printf 'node[1-%d]' "$NODES"; }

# KillWait and the intervals are short so that tests are; MinJobAge keeps ended jobs known, as a patient site would.
# Job numbers of its own: the kernel's groups of processes are named by node and job, whosever cluster it is.
controller_conf() {
    local me
    me=$(id -un)
    cat <<CONF
ClusterName=tests
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$PORT
SlurmUser=$me
SlurmdUser=$me
AuthType=auth/munge
AuthInfo=socket=$FOLDER/run/munge.sock,cred_expire=5
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation=$FOLDER/state
SlurmdSpoolDir=$FOLDER/spool/%n
SlurmctldPidFile=$FOLDER/run/slurmctld.pid
SlurmdPidFile=$FOLDER/run/slurmd.%n.pid
SlurmctldLogFile=$FOLDER/log/slurmctld
SlurmdLogFile=$FOLDER/log/slurmd.%n
ProctrackType=$(tracking)
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MailProg=/bin/true
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
FirstJobId=$((PORT * 10))
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=${KILL_WAIT:-10}
MinJobAge=${MIN_JOB_AGE:-3600}
GresTypes=gpu
CONF
}

# The freezer finds a job's stray processes too; it needs root and cgroup v1.
tracking() {
    if [[ $EUID == 0 && -w /sys/fs/cgroup/freezer/tasks ]]; then echo proctrack/cgroup; else echo proctrack/linuxproc; fi
}

node_conf() {
    local number
    for ((number = 1; number <= NODES; number++)); do
        mkdir -p "$FOLDER/spool/node$number"
        printf 'NodeName=node%d NodeHostname=%s NodeAddr=127.0.0.1 Port=%d CPUs=%d RealMemory=8000 Gres=gpu:%d\n' \
            "$number" "$(hostname -s)" $((PORT + 10 + number)) "$CPUS" "$GPUS"
    done
    printf 'PartitionName=main Nodes=%s Default=YES MaxTime=INFINITE DefMemPerCPU=100 State=UP\n' "$(all_nodes)"
    printf 'PartitionName=urgent Nodes=%s PriorityTier=2 MaxTime=INFINITE DefMemPerCPU=100 State=UP\n' "$(all_nodes)"
}

start_daemons() {
    local number run=$FOLDER/run
    (umask 077 && head -c 256 /dev/urandom >"$run/munge.key")
    munged --force --key-file="$run/munge.key" --socket="$run/munge.sock" --pid-file="$run/munged.pid" \
        --seed-file="$run/munge.seed" --log-file="$FOLDER/log/munged" || return
    slurmctld -i -f "$SLURM_CONF" || return
    for ((number = 1; number <= NODES; number++)); do
        slurmd -N "node$number" -f "$SLURM_CONF" 2>>"$FOLDER/log/slurmd.node$number" || return
    done
}

await_idle() {
    local try
    for ((try = 0; try < 3000; try++)); do
        [[ $(sinfo -h -N -p main -o %T 2>/dev/null | grep -cx idle) != "$NODES" ]] || return 0
        sleep 0.1
    done
    return 1
}

# Jobs first, so that none of their processes is left; then the daemons, by the pids that they wrote.
down() {
    local try pids=()
    timeout 10 scancel -u "$(id -un)" 2>/dev/null || true
    for ((try = 0; try < 100; try++)); do
        [[ -n $(timeout 5 squeue -h 2>/dev/null || true) ]] || break
        sleep 0.2
    done
    mapfile -t pids < <(cat "$FOLDER"/run/*.pid 2>/dev/null || true)
    stop TERM "${pids[@]}" || stop KILL "${pids[@]}" || true
}

# stop SIGNAL PID...: fails when some are still there after five seconds.
stop() {
    local try
    ((${#} > 1)) || return 0
    kill -s "$1" "${@:2}" 2>/dev/null || true
    for ((try = 0; try < 50; try++)); do
        kill -0 "${@:2}" 2>/dev/null || return 0
        sleep 0.1
    done
    return 1
}

main "$@"
