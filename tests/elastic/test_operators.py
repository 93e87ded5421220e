import pytest

from elastance.elastic.operators import KERNELS, Family, OnCuda, Operator, family_of, on_cuda, report


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("aten.convolution.default", Family.CONVOLUTION),
        ("aten.convolution_backward.default", Family.CONVOLUTION),
        ("aten.mkldnn_rnn_layer.default", Family.RECURRENT),
        ("aten::addmm", Family.MATRIX_PRODUCT),
        ("aten.bmm.default", Family.MATRIX_PRODUCT),
        ("aten._scaled_dot_product_flash_attention_for_cpu.default", Family.ATTENTION),
        ("aten.native_batch_norm_backward.default", Family.BATCH_NORM),
        ("aten.native_layer_norm.default", Family.NORM),
        ("aten.embedding_dense_backward.default", Family.EMBEDDING),
        ("aten.upsample_bilinear2d_backward.default", Family.SCATTER),
        ("aten._log_softmax_backward_data.default", Family.REDUCTION),
        ("aten.sum.dim_IntList", Family.REDUCTION),
        ("aten.bernoulli_.float", Family.RANDOM),
        ("aten.native_dropout.default", Family.RANDOM),
        ("aten.mul.Tensor", None),
        ("aten.clone.default", None),
        ("aten.relu.default", None),
        ("aten.max_pool2d_with_indices_backward.default", None),
    ],
)
def test_operators_belong_to_families(name: str, family: Family | None):
    assert family_of(name) is family


def test_what_pytorch_documents_about_cuda():
    assert on_cuda("aten.nll_loss2d_forward.default") is OnCuda.REFUSED
    assert on_cuda("aten.index_add_.default") is OnCuda.PINNED
    assert on_cuda("aten.nll_loss_forward.default") is OnCuda.UNLISTED


def test_every_family_says_who_chooses():
    assert set(KERNELS) == set(Family)


def test_convolutions_make_d2_expensive_and_are_named():
    found = report(
        [
            Operator("aten.convolution.default", 2, ("forward",), ("body.0", "body.4")),
            Operator("aten.convolution_backward.default", 2, ("backward",)),
            Operator("aten.addmm.default", 1, ("forward",), ("head",)),
            Operator("aten.relu.default", 3),
        ]
    )
    assert found.is_d2_expensive
    named = "convolutions (modules body.0, body.4) run on vendor-tuned kernels: D2 is expensive"
    assert found.verdict.startswith(named)
    assert [(use.family, use.calls) for use in found.uses] == [("convolution", 4), ("matrix product", 1)]
    assert found.others == 3


def test_matrix_products_alone_do_not():
    found = report(["aten.addmm.default", "aten.bmm.default", "aten.nll_loss2d_forward.default"])
    assert not found.is_d2_expensive
    assert "for matrix product only" in found.verdict
    assert found.uses[-1].refused_on_cuda == ("aten.nll_loss2d_forward.default",)
    assert found.to_json()["d2_expensive"] is False


def test_elementwise_operators_need_nothing():
    assert report(["aten.add.Tensor"]).verdict == "no operator needs vendor-tuned kernels: D2 is cheap"
