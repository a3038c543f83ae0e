"""Preloaded into the forkserver before anything heavy: it ends with main.py, touches no GPU and uses one thread."""

import os
import signal

from evalsuite.engine.supervisor import PR_SET_PDEATHSIG, prctl

PARENT = "EVALSUITE_PARENT"  # the environment variable that holds main.py's process number

prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # else it would go on loading lighteval for ten seconds after its parent's end
if os.getppid() != int(os.environ.get(PARENT, os.getppid())):  # it had ended before that
    os._exit(0)
os.environ |= {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
