import torch

from elastance.elastic.packing import is_dense, pieces, shaped_pieces


def test_pieces_are_views():
    flat = torch.arange(6.0)
    first, second = pieces(flat, [2, 4])
    second[0] = 9.0
    assert first.tolist() == [0, 1]
    assert flat[2] == 9


def test_shapes_follow_the_memory_of_the_members():
    image = torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last)
    matrix = torch.zeros(3, 2)
    flat = torch.arange(126.0)
    like_image, like_matrix = shaped_pieces(flat, [image, matrix])
    assert like_image.stride() == image.stride()
    assert like_image[0, :, 0, 0].tolist() == [0, 1, 2]
    assert like_matrix.tolist() == [[120, 121], [122, 123], [124, 125]]


def test_what_is_dense():
    dense = torch.zeros(4, 6)
    assert is_dense(dense)
    assert is_dense(dense.t())
    assert is_dense(torch.zeros(()))
    assert is_dense(torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last))
    assert not is_dense(dense[:, ::2])
    assert not is_dense(torch.zeros(1).expand(3))
