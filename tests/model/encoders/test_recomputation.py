import torch

from model.encoders.resnet3d import ResNet3d


def test_compiled_checkpointing_leaves_values_gradients_and_statistics_alone() -> None:
    plain = ResNet3d((16, 16, 16), width=8)
    checkpointed = ResNet3d((16, 16, 16), width=8, checkpoint=True)
    checkpointed.load_state_dict(plain.state_dict())
    compiled = torch.compile(checkpointed, backend="aot_eager")
    volumes = torch.rand(2, 1, 16, 16, 16)
    for encoder in (plain, compiled):
        encoder(volumes).square().sum().backward()
    for (name, p), q in zip(plain.named_parameters(), checkpointed.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, msg=name)
    for (name, b), c in zip(plain.named_buffers(), checkpointed.buffers(), strict=True):
        torch.testing.assert_close(b, c, msg=name)


def test_no_part_runs_twice_without_gradients() -> None:
    encoder = ResNet3d((8, 8, 8), width=8, checkpoint=True).eval()
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    encoder.layer1.register_forward_hook(count)
    encoder.layer1[0].register_forward_hook(count)
    with torch.no_grad():
        encoder(torch.rand(1, 1, 8, 8, 8))
    assert calls == 1
