"""Preloaded into the forkserver before anything heavy: it ends with main.py, touches no GPU and uses one thread."""

import os
import signal

from evalsuite.engine.supervisor import PR_SET_PDEATHSIG, prctl

prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # else it would go on loading lighteval for ten seconds after its parent's end
os.environ |= {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
