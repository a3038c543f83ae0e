"""Preloaded into the forkserver before anything heavy: it ends with main.py, touches no GPU and uses one thread."""

import os
import signal
import threading

from tqdm import tqdm

from evalsuite.engine.supervisor import PR_SET_PDEATHSIG, prctl

PARENT = "EVALSUITE_PARENT"  # the environment variable that holds main.py's process ID

# Without this, it would keep loading lighteval for up to ten seconds after main.py has ended.
prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() != int(os.environ.get(PARENT, os.getppid())):  # main.py ended before that call
    os._exit(0)
os.environ |= {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
# Each worker draws its own progress bars. tqdm's default lock is a named semaphore shared between processes, which a
# worker that is killed leaves behind in the system.
tqdm.set_lock(threading.RLock())
