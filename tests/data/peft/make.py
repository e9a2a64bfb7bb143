"""Make the adapters beside this file, and the logits that PEFT gives with them: ``python make.py
BASE``, with a base of ``tests/tiny_model.py`` and an environment of torch, transformers and peft
(made with torch 2.13, transformers 5.24, peft 0.21)."""

import json
import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM

SHAPES = {
    "plain": {"target_modules": ["q_proj", "v_proj"]},
    "rslora": {"use_rslora": True, "target_modules": "all-linear"},
    "patterns": {
        "target_modules": ["q_proj", "v_proj", "down_proj"],
        "rank_pattern": {"v_proj": 2, "layers.1.mlp.down_proj": 6},
        "alpha_pattern": {"down_proj": 3},
    },
    "layers": {"target_modules": ["q_proj", "gate_proj"], "layers_to_transform": [1, 2]},
    "dora": {"use_dora": True, "target_modules": ["q_proj", "v_proj"]},
    "embedding": {"target_modules": ["embed_tokens", "q_proj"]},
}
IDS = [5, 17, 40, 3, 99, 200, 7, 12]


def main(base: Path, out: Path) -> None:
    config = json.loads((base / "config.json").read_text())
    config.pop("torch_dtype", None)
    last = {}
    for name, settings in SHAPES.items():
        model = LlamaForCausalLM(LlamaConfig(**config)).float().eval()
        model.load_state_dict(load_file(base / "model.safetensors"), strict=False)
        model.tie_weights()
        lora = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.1, task_type="CAUSAL_LM", **settings)
        adapted = get_peft_model(model, lora).eval()
        torch.manual_seed(1)
        with torch.no_grad():
            for key, value in adapted.named_parameters():
                if "magnitude" in key:
                    value.mul_(1 + 0.2 * torch.rand_like(value))
                elif "lora_" in key:
                    value.copy_(torch.randn_like(value) * 0.2)
            last[name] = adapted(torch.tensor([IDS])).logits[0, -1].tolist()
        adapted.save_pretrained(out / name)
        (out / name / "README.md").unlink(missing_ok=True)
        path = out / name / "adapter_config.json"
        saved = json.loads(path.read_text()) | {"base_model_name_or_path": "tiny"}
        path.write_text(json.dumps(saved, indent=1, sort_keys=True))
    rows = {name: [round(value, 6) for value in row] for name, row in last.items()}
    (out / "logits.json").write_text(json.dumps({"ids": IDS, "last": rows}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).parent)
