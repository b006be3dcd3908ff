"""Features in the place of an encoder."""

import torch

from model.encoders.given import Given


def test_features_pass_as_they_are():
    features = torch.randn(4, 1, 5)
    given = Given(5)
    assert torch.equal(given(features), features.flatten(1))
    assert not given.state_dict()


def test_standardised_features_have_the_moments_of_their_batch_in_training():
    given = Given(5, standardise=True).train()
    found = given(torch.randn(64, 5) * 3 + 2)
    torch.testing.assert_close(found.mean(dim=0), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.var(dim=0, unbiased=False), torch.ones(5), atol=1e-3, rtol=0)
    assert not list(given.parameters())


def test_a_case_alone_is_standardised_by_running_moments():
    given = Given(5, standardise=True)
    given.moments.running_mean.fill_(2.0)
    given.moments.running_var.fill_(4.0)
    one = torch.full((1, 5), 6.0)
    trained, tested = given.train()(one), given.eval()(one)
    torch.testing.assert_close(trained, torch.full((1, 5), 2.0), atol=1e-4, rtol=0)
    torch.testing.assert_close(tested, trained)
