from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from ml.training.charts import confusion_png

CONFUSION = np.array([[8.0, 2.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 3.0]])


@pytest.mark.parametrize("classes", [("books", "$x^", "Été & co"), ("a", "b", "c")])
def test_it_is_a_picture_and_the_same_each_time(classes):
    data = confusion_png(CONFUSION, classes)
    with Image.open(BytesIO(data)) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) >= 400
    assert confusion_png(CONFUSION, classes) == data


def test_other_numbers_are_another_picture():
    classes = ("books", "games", "garden")
    assert confusion_png(CONFUSION, classes) != confusion_png(CONFUSION.T, classes)


def test_many_classes_get_room():
    data = confusion_png(np.eye(60), tuple(f"category {i}" for i in range(60)))
    with Image.open(BytesIO(data)) as picture:
        assert picture.height > 1500
