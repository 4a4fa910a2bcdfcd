"""How AWS's PyTorch container loads and asks this model."""


def model_fn(model_dir: str) -> object:
    """Return the model of `model_dir`: here the scripted one, which needs no class of yours."""
    import torch

    return torch.jit.load(f"{model_dir}/model.pt")
