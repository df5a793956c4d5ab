"""Networks: plain nn.Modules, tensors in and out, one file a paper."""
