import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ml.models.fusion import Fusion

NAN = [np.nan, np.nan]


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_fused_rows_are_distributions_between_the_two(weight, first, second):
    text, image = np.array([[first, 1 - first]]), np.array([[second, 1 - second]])
    fused = Fusion(weight).combine(text, image)
    np.testing.assert_allclose(fused.sum(axis=1), 1)
    low, high = np.minimum(text, image), np.maximum(text, image)
    assert (low - 1e-12 <= fused).all()
    assert (fused <= high + 1e-12).all()


def test_a_missing_modality_hands_its_whole_weight_to_the_other():
    text = np.array([[0.9, 0.1], NAN, NAN])
    image = np.array([NAN, [0.2, 0.8], NAN])
    for weight in (0.0, 0.4, 1.0):
        fused = Fusion(weight).combine(text, image)
        np.testing.assert_array_equal(fused, [[0.9, 0.1], [0.2, 0.8], NAN])


def test_the_inputs_stay_as_they_are():
    text, image = np.array([[0.9, 0.1]]), np.array([NAN])
    Fusion(0.5).combine(text, image)
    assert text.tolist() == [[0.9, 0.1]]
    assert np.isnan(image).all()
