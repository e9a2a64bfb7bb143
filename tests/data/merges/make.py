"""Merge three small adapters with PEFT's and mergekit's own code, and write down what came out:
``python make.py > merges.json``, in an environment of torch, peft and mergekit (made with torch
2.13, peft 0.21 and mergekit 0.1.5)."""

import json
import warnings

import torch
from mergekit.merge_methods.api import merge_tensors
from peft import LoraConfig, get_peft_model

INSIDE, OUTSIDE, RANK = 8, 6, 3
ALPHAS = {"one": 8, "two": 4, "three": 12}
WEIGHTS = [(1.0, 1.0, 1.0), (1.0, 0.5, 0.25), (0.7, -0.4, 1.1)]


class Small(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(INSIDE, OUTSIDE, bias=False)

    def forward(self, x):
        return self.layer(x)


def adapted():
    """A model with the three adapters, of one rank and different alphas."""
    torch.manual_seed(0)
    model = None
    for name, alpha in ALPHAS.items():
        config = LoraConfig(r=RANK, lora_alpha=alpha, target_modules=["layer"])
        if model is None:
            model = get_peft_model(Small(), config, adapter_name=name)
        else:
            model.add_adapter(name, config)
    layer = model.base_model.model.layer
    with torch.no_grad():
        for name in ALPHAS:
            layer.lora_A[name].weight.copy_(torch.randn(RANK, INSIDE))
            layer.lora_B[name].weight.copy_(torch.randn(OUTSIDE, RANK))
    return model, layer


def said(tensor):
    return [[round(value, 6) for value in row] for row in tensor.tolist()]


def of_peft(model, layer):
    kinds = {"linear": "linear", "ties": "ties", "cat": "linear", "svd": "svd", "ties_svd": "ties"}
    for kind, method in kinds.items():
        for number, weights in enumerate(WEIGHTS):
            for sign in ("total", "frequency") if method == "ties" else ("total",):
                name = f"{kind}-{number}-{sign}"
                more = {"density": 0.5, "majority_sign_method": sign} if method == "ties" else {}
                more |= {"svd_rank": OUTSIDE} if kind.endswith("svd") else {}
                model.add_weighted_adapter(list(ALPHAS), list(weights), name, kind, **more)
                on = "factors" if kind in ("linear", "ties") else "delta"
                yield {
                    # cat weighs each once: the published sum
                    "tool": "own" if kind == "cat" else "peft",
                    "method": method, "on": on, "weights": weights, "sign": sign,
                    "density": 0.5 if method == "ties" else 1.0,
                    "delta": said(layer.get_delta_weight(name).T),
                }  # fmt: skip


def of_mergekit(deltas):
    for weights in WEIGHTS:
        for method in ("linear", "ties", "task_arithmetic"):
            for normalize in (True, False):
                ties = method == "ties"
                yield {
                    "tool": "mergekit", "method": "ties" if ties else "linear", "on": "delta",
                    "weights": weights, "density": 0.5 if ties else 1.0, "normalize": normalize,
                    "delta": said(by_mergekit(method, deltas, weights, normalize=normalize)),
                }  # fmt: skip


def by_mergekit(method, deltas, weights, **more):
    """On a base of zeros, so that a model is its delta; linear takes no base."""
    base = [] if method == "linear" else [torch.zeros(OUTSIDE, INSIDE)]
    if base:
        more |= {"density": [0.5] * len(deltas)}
    if method == "task_arithmetic":
        more |= {"density": [1.0] * len(deltas)}
    found = merge_tensors(
        [*base, *deltas], method, parameters={"weight": list(weights), **more},
        base_index=0 if base else None,
    )  # fmt: skip
    return found.T


def by_chance(model, layer, deltas):
    """DARE: PEFT's on factors, each side as it is; mergekit's of one parent."""
    for kind in ("dare_linear", "dare_ties"):
        torch.manual_seed(1)
        weights = WEIGHTS[1][:2]
        model.add_weighted_adapter(["one", "two"], list(weights), kind, kind, density=0.5)
        a, b = layer.lora_A[kind].weight, layer.lora_B[kind].weight
        yield {"tool": "peft", "method": kind, "weights": weights, "density": 0.5,
               "a": said(a.T), "b": said(b.T)}  # fmt: skip
    torch.manual_seed(1)
    found = by_mergekit("dare_linear", deltas[:1], [1.0], rescale=True)
    yield {"tool": "mergekit", "method": "dare_linear", "weights": [1.0], "density": 0.5,
           "delta": said(found)}  # fmt: skip


def main():
    warnings.simplefilter("ignore")
    with torch.no_grad():
        model, layer = adapted()
        deltas = [layer.get_delta_weight(name) for name in ALPHAS]
        parents = {
            name: {
                "a": said(layer.lora_A[name].weight.T), "b": said(layer.lora_B[name].weight.T),
                "scale": layer.scaling[name],
            }
            for name in ALPHAS
        }  # fmt: skip
        merges = [*of_peft(model, layer), *of_mergekit(deltas)]
        chance = list(by_chance(model, layer, deltas))
    print(json.dumps({"parents": parents, "merges": merges, "chance": chance}))


if __name__ == "__main__":
    main()
