"""A model small enough for two engines on two cores, with an even number of attention heads."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EMBEDDED = ROOT / "models" / "SmolLM2-135M-Instruct"


def make_tiny(folder: Path) -> Path:
    """A Llama of 4 heads and 2 layers with random weights and the embedded model's tokenizer."""
    subprocess.run([sys.executable, "-m", "evalsuite.launch.embedded", str(EMBEDDED)], check=True, cwd=ROOT)
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=256, intermediate_size=512, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=2048, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
