"""Checkpoints."""

import pytest
import torch

from edgewbc.errors import UserError
from edgewbc.nets.vgg import VGG16GAP
from edgewbc.train import checkpoint


def trained(optimizer_class):
    torch.manual_seed(0)
    net = VGG16GAP(3, (4, "M", 4), (5,))
    optimizer = optimizer_class(net.parameters(), 0.01)
    for _ in range(2):
        optimizer.zero_grad()
        net(torch.randn(2, 3, 8, 8)).square().sum().backward()
        optimizer.step()
    return net, optimizer


@pytest.mark.parametrize("kind", [torch.optim.AdamW, lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9)])
def test_everything_comes_back(tmp_path, kind):
    """Weights, moments, the random state and the JSON state are bit for bit those that were saved."""
    net, optimizer = trained(kind)
    best = {name: value + 1 for name, value in net.state_dict().items()}
    checkpoint.save(tmp_path, net, optimizer, best, {"epoch": 3, "lines": [{"a": 0.1}]})
    drawn = torch.randn(4)
    other, fresh = trained(kind)
    torch.randn(17)
    got_best, state = checkpoint.load(tmp_path, other, fresh)
    assert state == {"epoch": 3, "lines": [{"a": 0.1}]}
    assert torch.equal(torch.randn(4), drawn)
    for name, value in net.state_dict().items():
        assert torch.equal(other.state_dict()[name], value)
        assert torch.equal(got_best[name], value + 1)
    for index, moments in optimizer.state_dict()["state"].items():
        for key, value in moments.items():
            assert torch.equal(torch.as_tensor(fresh.state_dict()["state"][index][key]), torch.as_tensor(value))


def test_a_missing_or_damaged_checkpoint_is_one_line(tmp_path):
    """No checkpoint, or half of one, is a user's error."""
    net, optimizer = trained(torch.optim.AdamW)
    with pytest.raises(UserError, match="no checkpoint to resume from"):
        checkpoint.load(tmp_path, net, optimizer)
    checkpoint.save(tmp_path, net, optimizer, {}, {})
    file = tmp_path / checkpoint.NAME
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(UserError, match="cannot be resumed"):
        checkpoint.load(tmp_path, net, optimizer)
